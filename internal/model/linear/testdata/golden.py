"""Makes people.csv and golden.json: what scikit-learn and statsmodels find on the same table.

    pip install scikit-learn==1.9.1 statsmodels==0.15.0 && python golden.py
"""
import json
import numpy as np
import sklearn, statsmodels
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression, Ridge

r = np.random.default_rng(7)
n = 300
age = np.round(r.uniform(20, 70, n), 1)
visits = r.poisson(3, n).astype(float)
city = r.choice(["Paris", "Lagos", "Quito"], n, p=[.5, .3, .2])
w = r.integers(1, 4, n).astype(float)
s = (age - 45) / 12 + .3 * (visits - 3) + np.select([city == "Paris", city == "Lagos"], [.8, -.6], 0)
bought = (r.uniform(size=n) < 1 / (1 + np.exp(-s))).astype(int)
spend = np.round(20 + 5 * s + r.normal(0, 3, n), 3)
kind = np.clip(np.floor(s + r.normal(0, .6, n) + 1.5), 0, 2).astype(int)
with open("people.csv", "w") as f:
    f.write("age,visits,city,weight,bought,spend,kind\n")
    for t in zip(age, visits, city, w, bought, spend, kind):
        f.write(",".join(str(v) for v in t) + "\n")

def z(v, w):
    m = np.average(v, weights=w)
    return (v - m) / np.sqrt(np.average((v - m) ** 2, weights=w))

one = np.column_stack([city == c for c in ("Lagos", "Paris", "Quito")]).astype(float)
X = np.column_stack([z(age, w), z(visits, w), one])
plain = np.column_stack([np.ones(n), age, visits])
out = {"made by": f"scikit-learn {sklearn.__version__}, statsmodels {statsmodels.__version__}"}
kw = dict(solver="newton-cholesky", tol=1e-12, max_iter=200)
out["logistic"] = LogisticRegression(C=1 / 2.5, **kw).fit(X, bought, w).predict_proba(X)[:, 1].tolist()
out["softmax"] = LogisticRegression(C=1, **kw).fit(X, kind, w).predict_proba(X).ravel().tolist()
out["ridge"] = Ridge(alpha=2.5, solver="cholesky").fit(X, spend, w).predict(X).tolist()
m = sm.GLM(bought, plain, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14)
out["logit"] = dict(params=m.params.tolist(), bse=m.bse.tolist(), p=m.pvalues.tolist())
m = sm.OLS(spend, plain).fit()
out["ols"] = dict(params=m.params.tolist(), bse=m.bse.tolist())
json.dump(out, open("golden.json", "w"), indent=0)
