"""Makes forest.json: what scikit-learn's forests, grown on the first 160 people of people.csv, say of the others.

    pip install scikit-learn==1.9.1 && python forest.py
"""
import csv, json
import numpy as np
import sklearn
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

rows = list(csv.DictReader(open("people.csv")))
X = np.array([[float(r[c]) for c in ("age", "income", "visits")] for r in rows])
bought, spend = np.array([int(r["bought"]) for r in rows]), np.array([float(r["spend"]) for r in rows])
n, kw = 160, dict(n_estimators=2000, min_samples_leaf=3, max_features=2, bootstrap=True, random_state=0)
out = {"made by": f"scikit-learn {sklearn.__version__}"}
for name, classes, amounts in (("forest", RandomForestClassifier, RandomForestRegressor), ("extra", ExtraTreesClassifier, ExtraTreesRegressor)):
    out[name] = {"probability": classes(**kw).fit(X[:n], bought[:n]).predict_proba(X[n:])[:, 1].round(5).tolist(),
                 "value": amounts(**kw).fit(X[:n], spend[:n]).predict(X[n:]).round(4).tolist()}
json.dump(out, open("forest.json", "w"), indent=0)
