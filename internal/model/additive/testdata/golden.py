"""Writes ebm.golden: customers, and what InterpretML's explainable boosting machine says of those in the test part.

    pip install interpret-core==0.7.8 && python golden.py > ebm.golden

Columns: part (train, test), the customer's four columns, yes (the outcome); for test rows the four contributions and the chance
of a machine without pairs, and the chance of one with its default pairs. All parameters are its defaults.
"""
import sys
import numpy as np
import pandas as pd
from importlib.metadata import version
from interpret.glassbox import ExplainableBoostingClassifier

rng = np.random.default_rng(7)
n = 2400
age = np.round(18 + 60 * rng.random(n), 1)
spend = np.round(np.exp(3 + rng.standard_normal(n)), 2)
visits = rng.poisson(3, n).astype(float)
city = rng.choice(["Lagos", "Paris", "Quito", "上海"], n, p=[0.1, 0.2, 0.3, 0.4])
z = 1.2 * np.sin(age / 9) + 0.8 * np.log(spend / 20) - 0.25 * (visits - 3) * np.where(age > 45, 1, -1)
z += np.select([city == "Lagos", city == "Paris", city == "Quito"], [1.0, -1.0, 0.5], 0.0)
visits[rng.random(n) < 0.1] = np.nan
yes = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
x = pd.DataFrame(dict(age=age, city=city, spend=spend, visits=visits))
train = np.arange(n) < n // 2

def machine(**kw):
    return ExplainableBoostingClassifier(random_state=0, n_jobs=1, **kw).fit(x[train], yes[train])

plain, pairs = machine(interactions=0), machine()
assert [t for t in plain.term_features_] == [(0,), (1,), (2,), (3,)]
terms, p0, p = plain.eval_terms(x[~train]), plain.predict_proba(x[~train])[:, 1], pairs.predict_proba(x[~train])[:, 1]
print(f"# interpret-core {version('interpret-core')}, numpy {np.__version__}, made by golden.py")
print("part,age,city,spend,visits,yes,f_age,f_city,f_spend,f_visits,p_plain,p_pairs")
for i in range(n):
    row = [f"{age[i]:g}", city[i], f"{spend[i]:g}", "" if np.isnan(visits[i]) else f"{visits[i]:g}", str(yes[i])]
    j = i - n // 2
    out = ["train"] + row + [""] * 6 if j < 0 else ["test"] + row + [f"{v:.5f}" for v in [*terms[j], p0[j], p[j]]]
    print(",".join(out))
