"""Writes golden.json and simulated.csv: what lifetimes 0.11.3 and mpmath 1.3 say of 1,500 simulated customers.

    pip install Lifetimes==0.11.3 mpmath==1.3.0 pandas==2.3.3 setuptools==80.10.2
    python golden.py
"""
import csv, json, warnings
from importlib.metadata import version

import mpmath as mp
import numpy as np
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter, ParetoNBDFitter

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)
rows = []
for _ in range(1500):
    T = rng.integers(20, 60)
    lam, p = rng.gamma(0.6) / 6.0, rng.beta(0.9, 3.0)
    t, times = 0.0, []
    while True:
        t += rng.exponential(1 / lam)
        if t > T:
            break
        times.append(t)
        if rng.random() < p:
            break
    x = len(times)
    nu = rng.gamma(3.7) / 15.0
    m = rng.gamma(6.2, 1 / nu, x).mean() if x else 0.0
    rows.append((x, round(times[-1], 3) if x else 0.0, int(T), round(m, 2)))
with open("simulated.csv", "w", newline="") as f:
    w = csv.writer(f)
    w.writerow(["repeats", "recency", "age", "spend"])
    w.writerows(rows)
x, tx, T, m = (np.array(c, float) for c in zip(*rows))

out = {"tool": f"lifetimes {version('Lifetimes')}, mpmath {mp.__version__}", "horizon": 26, "fits": {}}
for name, F in (("bg_nbd", BetaGeoFitter), ("mbg_nbd", ModifiedBetaGeoFitter), ("pareto_nbd", ParetoNBDFitter)):
    f = F()
    for tol in (1e-9, 1e-8, 1e-7):  # the smallest at which it says that it converged
        try:
            f.fit(x, tx, T, tol=tol, **({"maxiter": 20000} if name == "pareto_nbd" else {}))
            break
        except Exception:
            pass
    n = 60
    out["fits"][name] = {
        "params": [float(v) for v in f.params_.values], "names": list(f.params_.index),
        "alive": [float(v) for v in np.atleast_1d(f.conditional_probability_alive(x[:n], tx[:n], T[:n]))],
        "orders": [float(v) for v in np.atleast_1d(f.conditional_expected_number_of_purchases_up_to_time(26, x[:n], tx[:n], T[:n]))],
    }
r = (x > 0) & (m > 0)
g = GammaGammaFitter()
g.fit(x[r], m[r], tol=1e-9)
out["spend"] = {"params": [float(v) for v in g.params_.values], "mean": [float(v) for v in g.conditional_expected_average_profit(x[:60], m[:60])]}

# Pareto/NBD by the literature's difference of hypergeometric functions, in 60 digits, where doubles overflow or cancel.
mp.mp.dps = 60


def pareto(r, alpha, s, beta, x, tx, T):
    r, alpha, s, beta, tx, T = (mp.mpf(repr(v)) for v in (r, alpha, s, beta, tx, T))
    hi, other = (alpha, s + 1) if alpha >= beta else (beta, r + x)
    z = abs(alpha - beta)
    f = lambda y: mp.hyp2f1(r + s + x, other, r + s + x + 1, z / (hi + y)) / (hi + y) ** (r + s + x)
    a0 = f(tx) - f(T)
    alive = 1 / ((alpha + T) ** (r + x) * (beta + T) ** s)
    return mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta) + mp.log(alive + s / (r + s + x) * a0), 1 / (1 + s / (r + s + x) * a0 / alive)


out["pareto"] = []
for case in ((0.55, 10.6, 0.6, 11.7, 2, 30.43, 38.86), (0.55, 10.6, 0.6, 11.7, 0, 0.0, 38.86), (0.55, 10.6, 0.6, 11.7, 400, 20.0, 40.0), (0.55, 10.6, 0.6, 11.7, 400, 39.99, 40.0),
             (0.01, 0.02, 5.0, 900.0, 3, 5.0, 50.0), (20.0, 300.0, 0.02, 0.05, 30, 30.0, 50.0), (3.0, 1.0, 3.0, 1.0, 2000, 10.0, 40.0), (0.3, 0.001, 0.3, 2000.0, 1, 0.01, 100.0),
             (5000.0, 8000.0, 0.7, 9.0, 20, 31.0, 39.0), (0.5, 8.0, 4000.0, 60000.0, 1, 3.0, 39.0)):
    ll, alive = pareto(*case)
    out["pareto"].append({"case": list(case), "ll": float(ll), "alive": float(alive)})
json.dump(out, open("golden.json", "w"), indent=1)
