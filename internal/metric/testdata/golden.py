"""Makes scores.csv and scores.golden. Run in this folder: python golden.py

Needs numpy, scipy, scikit-learn, scikit-uplift, statsmodels. In the golden file a line is: name value [value ...].
"""
import csv, warnings
import numpy as np, scipy, sklearn, sklift, statsmodels
warnings.filterwarnings("ignore")
from scipy import stats
from sklearn import metrics as m
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklift.metrics import qini_auc_score, uplift_auc_score, uplift_at_k, qini_curve, uplift_curve
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

r = np.random.default_rng(7)
n = 300
z = r.normal(size=n)
y = (r.random(n) < 1 / (1 + np.exp(1 - 1.3 * z))).astype(int)
p = np.round(1 / (1 + np.exp(-(z + r.normal(size=n) * 0.8 - 0.5))), 2).clip(0, 1)       # two digits: many ties
q = np.round(1 / (1 + np.exp(-(0.7 * z + r.normal(size=n) - 0.9))), 6)
w = np.round(r.gamma(2, 0.6, size=n), 2) * (r.random(n) < 0.95)
t = (r.random(n) < 0.6).astype(int)
yu = (r.random(n) < 0.15 + 0.1 * (z > 0) + 0.12 * t * (z > 0.3)).astype(int)
u = np.round(0.1 * z + r.normal(size=n) * 0.1, 2)
a = np.round(np.exp(r.normal(size=n) + z), 2)
b = np.round(np.exp(z + 0.4), 2)
c = r.integers(0, 3, n)
P = np.round(r.dirichlet([1, 1, 1], n) * 0.6 + 0.4 * np.eye(3)[c] * (r.random(n) < 0.6)[:, None], 4)
P /= P.sum(1, keepdims=True)
P = np.round(P, 6)
P[:, 2] = np.round(1 - P[:, 0] - P[:, 1], 6)
g = np.round(r.normal(size=(n, 2)) + 3 * np.eye(3)[c][:, :2], 3)

with open("scores.csv", "w", newline="") as f:
    o = csv.writer(f, lineterminator="\n")
    o.writerow("y p q w t yu u a b c p0 p1 p2 g0 g1".split())
    for i in range(n):
        o.writerow([y[i], p[i], q[i], round(w[i], 2), t[i], yu[i], u[i], a[i], b[i], c[i], *P[i], *g[i]])

out = []
def emit(name, *v):
    out.append(name + " " + " ".join(repr(float(x)) for x in np.ravel(v)))

for suffix, sw in (("", None), (" weighted", w)):
    emit("auc" + suffix.replace(" ", "_"), m.roc_auc_score(y, p, sample_weight=sw))
    s = suffix.replace(" ", "_")
    emit("prauc" + s, m.average_precision_score(y, p, sample_weight=sw))
    emit("log_loss" + s, m.log_loss(y, q, sample_weight=sw))
    emit("brier" + s, m.brier_score_loss(y, q, sample_weight=sw))
    emit("rmse" + s, m.root_mean_squared_error(a, b, sample_weight=sw))
    emit("mae" + s, m.mean_absolute_error(a, b, sample_weight=sw))
    emit("r2" + s, m.r2_score(a, b, sample_weight=sw))
    emit("accuracy" + s, m.accuracy_score(c, P.argmax(1), sample_weight=sw))
    emit("macro_f1" + s, m.f1_score(c, P.argmax(1), average="macro", sample_weight=sw))
    emit("multi_log_loss" + s, m.log_loss(c, P, sample_weight=sw))
    emit("macro_auc" + s, m.roc_auc_score(c, P, multi_class="ovr", average="macro", sample_weight=sw))

def top_decile_lift(y, p, frac=0.1):
    k = int(len(y) * frac)
    thr = np.sort(p)[::-1][k - 1]
    above, tie = p > thr, p == thr
    return (y[above].sum() + y[tie].mean() * (k - above.sum())) / k / y.mean()

def ece(y, p, bins=15):
    b = np.minimum((p * bins).astype(int), bins - 1)
    return sum(((b == i).mean() * abs(y[b == i].mean() - p[b == i].mean())) for i in range(bins) if (b == i).any())

emit("top_decile_gain", top_decile_lift(y, p))
emit("ece", ece(y, p))
emit("spearman", stats.spearmanr(a, b).statistic)

fpr, tpr, _ = m.roc_curve(y, p, drop_intermediate=False)
emit("roc_area", m.auc(fpr, tpr))

def delong(y, scores):
    """The definition, in plain pairs."""
    X, Y = [s[y == 1] for s in scores], [s[y == 0] for s in scores]
    psi = lambda a, b: (a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None])
    V10 = np.array([psi(a, b).mean(1) for a, b in zip(X, Y)])
    V01 = np.array([psi(a, b).mean(0) for a, b in zip(X, Y)])
    return V10.mean(1), np.atleast_2d(np.cov(V10)) / V10.shape[1] + np.atleast_2d(np.cov(V01)) / V01.shape[1]

A, S = delong(y, [p, q])
emit("delong_se", np.sqrt(S[0, 0]))
emit("delong_difference", A[0] - A[1], np.sqrt(S[0, 0] + S[1, 1] - 2 * S[0, 1]))

emit("qini", qini_auc_score(yu, u, t))
emit("auuc", uplift_auc_score(yu, u, t))
for k in (0.1, 0.3, 0.5):
    emit(f"uplift_at_{int(k*100)}", uplift_at_k(yu, u, t, strategy="overall", k=k))
emit("qini_swapped", qini_auc_score(1 - yu, u, 1 - t))       # the other branch of the perfect curve
emit("auuc_swapped", uplift_auc_score(1 - yu, u, 1 - t))
w3 = np.round(w).astype(int)
R = np.repeat(np.arange(n), w3)
emit("qini_repeated", qini_auc_score(yu[R], u[R], t[R]))
emit("auuc_repeated", uplift_auc_score(yu[R], u[R], t[R]))
emit("uplift_at_30_repeated", uplift_at_k(yu[R], u[R], t[R], strategy="overall", k=0.3))
emit("qini_curve_x", qini_curve(yu, u, t)[0]); emit("qini_curve_y", qini_curve(yu, u, t)[1])
emit("uplift_curve_y", uplift_curve(yu, u, t)[1])

iso = IsotonicRegression(out_of_bounds="clip").fit(p, y, sample_weight=w)
grid = np.linspace(0, 1, 41)
emit("isotonic", iso.predict(grid))
E = 1e-6
pc = p.clip(E, 1 - E)
n1, n0 = w[y == 1].sum(), w[y == 0].sum()
target = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
def soft(F):
    F2, Y2, W2 = np.vstack([F, F]), np.r_[np.ones(n), np.zeros(n)], np.r_[w * target, w * (1 - target)]
    lr = LogisticRegression(C=1e12, tol=1e-12, max_iter=100000, solver="newton-cholesky").fit(F2, Y2, sample_weight=W2)
    return [*lr.coef_[0], lr.intercept_[0]]
emit("platt", soft(np.log(pc / (1 - pc))[:, None]))
emit("beta", soft(np.c_[np.log(pc), -np.log1p(-pc)]))

for x in (1e-300, 1e-20, 1e-5, 0.01, 0.025, 0.3, 0.5, 0.8, 0.999):
    emit(f"norm_quantile {x!r}", stats.norm.ppf(x))
for x, df in ((0.025, 1), (0.025, 2.5), (0.01, 9), (0.3, 30), (0.975, 1e6), (1e-6, 4)):
    emit(f"t_quantile {x!r} {df!r}", stats.t.ppf(x, df))
for x, df in ((-2, 1), (0.5, 3.3), (3, 200), (-30, 5)):
    emit(f"t_cdf {x!r} {df!r}", stats.t.cdf(x, df))
for x, df in ((0.1, 1), (3.84, 1), (20, 3), (200, 150), (60, 1)):
    emit(f"chi_tail {x!r} {df!r}", stats.chi2.sf(x, df))

A, B = a[t == 1], a[t == 0]
ci = CompareMeans(DescrStatsW(A), DescrStatsW(B)).tconfint_diff(usevar="unequal")
tt = stats.ttest_ind(A, B, equal_var=False)
emit("welch", A.mean() - B.mean(), *ci, tt.df, tt.pvalue)
for x in ((30, 400, 20, 390), (0, 50, 5, 60), (1, 1000, 0, 1000)):
    name = " ".join(map(str, x))
    emit("wald " + name, *confint_proportions_2indep(*x, method="wald", compare="diff"))
    emit("newcombe " + name, *confint_proportions_2indep(*x, method="newcomb", compare="diff"))
    emit("ztest " + name, proportions_ztest([x[0], x[2]], [x[1], x[3]])[1])
    emit("wilson " + name, *proportion_confint(x[0], x[1], method="wilson"))
ch = stats.chisquare([480, 530, 90], np.array([0.45, 0.45, 0.1]) * 1100)
emit("sample_ratio", ch.statistic, ch.pvalue)

emit("silhouette", m.silhouette_score(g.astype(np.float32), c))
k2 = (g[:, 0] > 1).astype(int) + 2 * (g[:, 1] > 1)
emit("adjusted_rand", m.adjusted_rand_score(c, k2))

v = f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, scikit-uplift {sklift.__version__}, statsmodels {statsmodels.__version__}"
open("scores.golden", "w").write(f"# made by golden.py with {v}\n" + "\n".join(out) + "\n")
