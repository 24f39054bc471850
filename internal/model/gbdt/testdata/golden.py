"""Writes lightgbm.golden: a table that leaves no choice in cutting bins, and LightGBM's raw scores of it.

  python golden.py        (lightgbm 4.7.0, numpy)

Values are whole numbers with fewer than 255 different ones, so that both sides have a bin for each. max_cat_to_onehot=5
makes columns of up to four levels be asked level by level, which is what SingleLevels=4 means (LightGBM counts a bin for
missing levels); item has 12 levels and is asked in groups.
"""
import os, numpy as np, lightgbm as lgb

r = np.random.default_rng(1)
n = 3000
age = r.integers(18, 80, n).astype(float)
visits = r.poisson(4, n).astype(float)
age[r.random(n) < 0.1] = np.nan
city = r.integers(0, 4, n)
item = np.minimum(r.geometric(0.2, n) - 1, 11)
z = np.where(np.isnan(age), 1.0, np.sin(np.nan_to_num(age) / 8)) - 0.2 * visits + np.array([0.8, 0, -0.8, 0.3])[city] + r.normal(0, 1, 12)[item]
y = (r.random(n) < 1 / (1 + np.exp(-z))).astype(int)
amount = np.round(10 * z + 5 * r.standard_normal(n))
X = np.c_[age, city, item, visits]      # columns in order of their names, as kequn takes them
p = dict(num_leaves=31, learning_rate=0.1, min_data_in_leaf=20, min_data_in_bin=1, max_cat_to_onehot=5, verbose=-1, num_threads=1, deterministic=True)
out = []
for objective, target, rounds in (("binary", y, 5), ("regression", amount, 20)):
    b = lgb.train(dict(p, objective=objective), lgb.Dataset(X, target, categorical_feature=[1, 2], free_raw_data=False), rounds)
    out.append(b.predict(X, raw_score=True))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lightgbm.golden"), "w") as f:
    print("# lightgbm", lgb.__version__, "by golden.py: 31 leaves, rate 0.1; raw scores after 5 rounds (binary) and 20 (regression)", file=f)
    print("age,city,item,visits,yes,amount,binary,regression", file=f)
    for i in range(n):
        a = "" if np.isnan(age[i]) else f"{age[i]:.0f}"
        print(f"{a},{city[i]},{item[i]},{visits[i]:.0f},{y[i]},{amount[i]:.0f},{out[0][i]:.9g},{out[1][i]:.9g}", file=f)
