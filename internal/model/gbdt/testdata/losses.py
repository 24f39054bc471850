"""Writes losses.golden: a table that leaves no choice in cutting bins, and LightGBM's scores of it under other losses.

  python losses.py        (lightgbm 4.7.0, numpy)

Values are whole numbers with fewer than 255 different ones, so that both sides have a bin for each.
"""
import os, numpy as np, lightgbm as lgb

r = np.random.default_rng(3)
n = 2000
age = r.integers(18, 80, n).astype(float)
orders = r.poisson(4, n).astype(float)
visits = np.minimum(r.geometric(0.05, n), 120).astype(float)
mu = np.exp(0.02 * (age - 50) + 0.2 * np.sin(orders) + 0.3 * np.log(visits))
count = r.poisson(mu).astype(float)
spend = np.round(np.where(r.random(n) < 0.4, 0, r.gamma(2, mu * 5)), 1)
price = np.round(1 + r.gamma(2, mu * 5), 1)
X = np.c_[age, orders, visits]          # columns in order of their names, as kequn takes them
p = dict(num_leaves=15, learning_rate=0.1, min_data_in_leaf=1, min_sum_hessian_in_leaf=20, min_data_in_bin=1, verbose=-1, num_threads=1, deterministic=True)
out = {}
for name, y, q in (("poisson", count, dict(objective="poisson")), ("tweedie", spend, dict(objective="tweedie", tweedie_variance_power=1.5)),
                   ("gamma", price, dict(objective="gamma")), ("quantile", price, dict(objective="quantile", alpha=0.8)),
                   ("monotone", price, dict(objective="regression", monotone_constraints=[1, 0, -1], monotone_constraints_method="basic"))):
    out[name] = lgb.train(dict(p, **q), lgb.Dataset(X, y, free_raw_data=False), 10).predict(X, raw_score=True)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "losses.golden"), "w") as f:
    print("# lightgbm", lgb.__version__, "by losses.py: 15 leaves, rate 0.1, 10 rounds; raw scores", file=f)
    print("age,orders,visits,count,spend,price," + ",".join(out), file=f)
    for i in range(n):
        print(f"{age[i]:.0f},{orders[i]:.0f},{visits[i]:.0f},{count[i]:.0f},{spend[i]:.1f},{price[i]:.1f}," + ",".join(f"{v[i]:.8g}" for v in out.values()), file=f)
