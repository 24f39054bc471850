"""Writes catboost.golden: a table that leaves no choice in cutting bins, and CatBoost's scores of it.

  python symmetric.py        (catboost 1.2.10, numpy)

Values are whole numbers with fewer than 255 different ones. CatBoost's usual noise is turned off: no bagging, no random strength,
trees chosen by the plain L2 score.
"""
import os, numpy as np, catboost

r = np.random.default_rng(2)
n = 2000
age = r.integers(18, 80, n).astype(float)
orders = r.poisson(4, n).astype(float)
visits = np.minimum(r.geometric(0.05, n), 120).astype(float)
amount = np.round(10 * np.sin(age / 8) - 2 * orders + 5 * np.log(visits) * (age > 50) + 5 * r.standard_normal(n))
X = np.c_[age, orders, visits]          # columns in order of their names, as kequn takes them
b = catboost.CatBoostRegressor(iterations=30, depth=4, learning_rate=0.1, l2_leaf_reg=3, loss_function="RMSE", boost_from_average=True, random_strength=0, bootstrap_type="No",
                               score_function="L2", leaf_estimation_iterations=1, leaf_estimation_method="Newton", border_count=254, feature_border_type="GreedyLogSum",
                               thread_count=1, verbose=False, allow_writing_files=False)
p = b.fit(X, amount).predict(X)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "catboost.golden"), "w") as f:
    print("# catboost", catboost.__version__, "by symmetric.py: 30 trees of depth 4, rate 0.1, l2 3; scores", file=f)
    print("age,orders,visits,amount,score", file=f)
    for i in range(n):
        print(f"{age[i]:.0f},{orders[i]:.0f},{visits[i]:.0f},{amount[i]:.0f},{p[i]:.9g}", file=f)
