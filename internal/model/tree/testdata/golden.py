"""Makes people.csv and golden.json: the leaves that scikit-learn's trees put the same people into.

    pip install scikit-learn==1.9.1 && python golden.py
"""
import json
import numpy as np
import sklearn
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

r = np.random.default_rng(11)
n = 240
age = np.round(r.uniform(20, 70, n), 1)
income = np.round(r.lognormal(3, .6, n), 2)
visits = r.poisson(3, n).astype(float)
w = r.integers(1, 4, n).astype(float)
s = np.sin(age / 8) * 2 + np.log(income) - 3 + .3 * (visits - 3)
bought = (r.uniform(size=n) < 1 / (1 + np.exp(-2 * s))).astype(int)
spend = np.round(20 + 5 * s + r.normal(0, 3, n), 3)
with open("people.csv", "w") as f:
    f.write("age,income,visits,weight,bought,spend\n")
    for t in zip(age, income, visits, w, bought, spend):
        f.write(",".join(str(v) for v in t) + "\n")
X = np.column_stack([age, income, visits])
kw = dict(max_leaf_nodes=9, max_depth=5, min_weight_fraction_leaf=8 / w.sum(), random_state=0)
c = DecisionTreeClassifier(criterion="entropy", **kw).fit(X, bought, w)
a = DecisionTreeRegressor(**kw).fit(X, spend, w)
json.dump({"made by": f"scikit-learn {sklearn.__version__}", "probability": c.predict_proba(X)[:, 1].tolist(), "value": a.predict(X).tolist(),
           "importance": a.feature_importances_.tolist()}, open("golden.json", "w"), indent=0)
