"""Makes moons.csv and golden.json: what scikit-learn finds on the same tables.

    pip install scikit-learn==1.9.1 && python golden.py
"""
import json
import numpy as np
import sklearn
from sklearn.svm import SVC, SVR, LinearSVC

r = np.random.default_rng(3)
n = 240
t = r.uniform(0, np.pi, n)
side = r.integers(0, 2, n)
x = np.round(np.where(side == 0, np.cos(t), 1 - np.cos(t)) + r.normal(0, .25, n), 4)
y = np.round(np.where(side == 0, np.sin(t), .5 - np.sin(t)) + r.normal(0, .25, n), 4)
w = r.integers(1, 4, n).astype(float)
amount = np.round(3 * np.sin(2 * x) + y + r.normal(0, .3, n), 4)
with open("moons.csv", "w") as f:
    f.write("x,y,side,weight,amount\n")
    for v in zip(x, y, side, w, amount):
        f.write(",".join(str(a) for a in v) + "\n")


def z(v, w=None):
    m = np.average(v, weights=w)
    return (v - m) / np.sqrt(np.average((v - m) ** 2, weights=w))


X = np.column_stack([z(x, w), z(y, w)])
kw = dict(tol=1e-8, cache_size=200)
out = {"made by": f"scikit-learn {sklearn.__version__}"}
out["hinge"] = SVC(C=2, gamma=.7, **kw).fit(X, side, w).decision_function(X).tolist()
# The squared hinge is a plain one without limit whose kernel has 1/(2Cw) added to its diagonal.
K = np.exp(-.7 * ((X[:, None] - X[None]) ** 2).sum(-1))
m = SVC(C=1e8, kernel="precomputed", **kw).fit(K + np.diag(1 / (2 * 2 * w)), side)
a = np.zeros(n)
a[m.support_] = m.dual_coef_[0]
out["squared"] = (K @ a + m.intercept_[0]).tolist()
# LinearSVC punishes the intercept too; a large scaling makes that nothing.
out["linear"] = LinearSVC(C=.5, intercept_scaling=300, dual=False, tol=1e-9, max_iter=100000).fit(X, side, w).decision_function(X).tolist()
U = np.column_stack([z(x), z(y)])
out["regression"] = SVR(C=1.5, gamma=.4, epsilon=.1, **kw).fit(U, z(amount)).predict(U).tolist()
json.dump(out, open("golden.json", "w"), indent=0)
