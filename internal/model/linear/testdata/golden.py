"""Makes people.csv and golden.json: what scikit-learn and statsmodels find on the same table.

    pip install scikit-learn==1.9.1 statsmodels==0.15.0 && python golden.py
"""
import json
import numpy as np
import sklearn, statsmodels
import statsmodels.api as sm
from sklearn.linear_model import ElasticNet, LogisticRegression, PoissonRegressor, Ridge, TweedieRegressor

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
plain = np.column_stack([np.ones(n), age, visits])
W = w.sum()

def design(l2, weights):
    """Numbers standardised; a 0/1 column scaled so that a ridge penalty of l2 on it is l2·s(1-s) + min(l2, 1) on the 0/1 column."""
    s = np.average(one, axis=0, weights=weights)
    return np.column_stack([z(age, weights), z(visits, weights), one * np.sqrt(l2 / (l2 * s * (1 - s) + min(l2, 1)))])

def flat(weights):
    """All columns of deviation 1, as the lasso takes them."""
    s = np.average(one, axis=0, weights=weights)
    return np.column_stack([z(age, weights), z(visits, weights), one / np.sqrt(s * (1 - s))])

out = {"made by": f"scikit-learn {sklearn.__version__}, statsmodels {statsmodels.__version__}"}
kw = dict(solver="newton-cholesky", tol=1e-12, max_iter=200)
X = design(2.5, w)
out["logistic"] = LogisticRegression(C=1 / 2.5, **kw).fit(X, bought, w).predict_proba(X)[:, 1].tolist()
out["ridge"] = Ridge(alpha=2.5, solver="cholesky").fit(X, spend, w).predict(X).tolist()
X = design(1, w)
out["softmax"] = LogisticRegression(C=1, **kw).fit(X, kind, w).predict_proba(X).ravel().tolist()
# Counts and amounts: the penalty of scikit-learn is per unit of weight and twice ours within the mean of half deviances.
amount = np.where(r.uniform(size=n) < .3, 0, np.round(np.exp(1 + .3 * s + r.normal(0, .5, n)), 2))
X = design(2.5, w)
glm = dict(alpha=2.5 / W, solver="newton-cholesky", tol=1e-12, max_iter=500)
out["poisson"] = PoissonRegressor(**glm).fit(X, visits, w).predict(X).tolist()
out["tweedie"] = TweedieRegressor(power=1.5, link="log", **glm).fit(X, amount, w).predict(X).tolist()
out["gamma"] = TweedieRegressor(power=2, link="log", **glm).fit(X, amount + 1, w).predict(X).tolist()
out["amount"] = amount.tolist()
# The lasso and the elastic net; for the latter numbers alone, since levels have a ridge penalty of their own.
F = flat(w)
out["lasso"] = ElasticNet(alpha=60 / W, l1_ratio=1, tol=1e-14, max_iter=1000000).fit(F, spend, w).predict(F).tolist()
N = F[:, :2]
out["net"] = ElasticNet(alpha=200 / W, l1_ratio=.5, tol=1e-14, max_iter=1000000).fit(N, spend, w).predict(N).tolist()
saga = dict(solver="saga", tol=1e-12, max_iter=1000000, random_state=0)
out["lasso_logistic"] = LogisticRegression(C=1 / 12, l1_ratio=1, **saga).fit(F, bought, w).predict_proba(F)[:, 1].tolist()
out["net_logistic"] = LogisticRegression(C=1 / 40, l1_ratio=.5, **saga).fit(N, bought, w).predict_proba(N)[:, 1].tolist()
out["lasso_softmax"] = LogisticRegression(C=1 / 12, l1_ratio=1, **saga).fit(F, kind, w).predict_proba(F).ravel().tolist()
m = sm.GLM(bought, plain, family=sm.families.Binomial(), freq_weights=w).fit(tol=1e-14)
out["logit"] = dict(params=m.params.tolist(), bse=m.bse.tolist(), p=m.pvalues.tolist())
m = sm.OLS(spend, plain).fit()
out["ols"] = dict(params=m.params.tolist(), bse=m.bse.tolist())
m = sm.GLM(visits, np.column_stack([np.ones(n), age]), family=sm.families.Poisson(), freq_weights=w).fit(tol=1e-14)
out["pois"] = dict(params=m.params.tolist(), bse=m.bse.tolist(), p=m.pvalues.tolist())
m = sm.GLM(amount, plain, family=sm.families.Tweedie(var_power=1.5, link=sm.families.links.Log()), freq_weights=w).fit(tol=1e-14, maxiter=500)
out["twee"] = dict(params=m.params.tolist(), bse=m.bse.tolist(), p=m.pvalues.tolist())
m = sm.GLM(amount + 1, plain, family=sm.families.Gamma(link=sm.families.links.Log()), freq_weights=w).fit(tol=1e-14, maxiter=500)
out["gam"] = dict(params=m.params.tolist(), bse=m.bse.tolist(), p=m.pvalues.tolist())
json.dump(out, open("golden.json", "w"), indent=0)
