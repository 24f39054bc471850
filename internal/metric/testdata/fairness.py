"""Makes fairness.csv and fairness.golden. Run in this folder: python fairness.py

Needs numpy and fairlearn. A case of fairness.csv has an outcome y, who was selected s, a weight w and a group g; fairness.golden
has a line "case name value [value ...]" for each score, rates one value per group in order of the groups' numbers.
"""
import csv, warnings
import numpy as np, fairlearn
from fairlearn import metrics as f
from sklearn.metrics import accuracy_score
warnings.filterwarnings("ignore")

r = np.random.default_rng(11)

def draw(n, groups, weighted=False, base=0.35, tilt=0.15, share=0.3):
    g = r.integers(0, groups, n)
    g[:groups] = np.arange(groups)
    y = (r.random(n) < np.clip(base + tilt * (g - groups / 2), 0.03, 0.97)).astype(int)
    s = (r.random(n) < np.clip(share + 0.3 * y - tilt * g / groups, 0.02, 0.98)).astype(int)
    w = np.round(r.gamma(2, 0.7, n), 3) if weighted else np.ones(n)
    return y, s, w, g

cases = {}
for groups in (1, 2, 3, 5, 8):
    for weighted in (False, True):
        cases[f"g{groups}{'w' if weighted else ''}"] = draw(20 + 15 * groups, groups, weighted)
for k, tilt in enumerate((0.0, 0.4, -0.4)):
    cases[f"tilt{k}"] = draw(60, 3, True, tilt=tilt)
def with_(name, change, *args, **kw):
    y, s, w, g = draw(*args, **kw)
    change(y, s, w, g)
    cases[name] = (y, s, w, g)
def no_positives(y, s, w, g): y[g == 1] = 0
def no_negatives(y, s, w, g): y[g == 0] = 1
def nobody_yes(y, s, w, g): y[:] = 0
def everybody_yes(y, s, w, g): y[:] = 1
def nobody_in(y, s, w, g): s[:] = 0
def everybody_in(y, s, w, g): s[:] = 1
def group_out(y, s, w, g): s[g == 2] = 0
def no_false_alarm(y, s, w, g): s[y == 0] = 0
def no_hit(y, s, w, g): s[y == 1] = 0
def weightless_yes(y, s, w, g): w[(g == 0) & (y == 1)] = 0
def perfect(y, s, w, g): s[:] = y
for change in (no_positives, no_negatives, nobody_yes, everybody_yes, nobody_in, everybody_in, group_out, no_false_alarm, no_hit, weightless_yes, perfect):
    with_(change.__name__, change, 50, 3, True)
with_("no_positives_plain", no_positives, 40, 2)

with open("fairness.csv", "w", newline="") as file:
    o = csv.writer(file, lineterminator="\n")
    o.writerow("case y s w g".split())
    for name, (y, s, w, g) in cases.items():
        for row in zip(y, s, w, g):
            o.writerow([name, *row])

lines = [f"# fairlearn {fairlearn.__version__}, numpy {np.__version__}, by fairness.py"]
for name, (y, s, w, g) in cases.items():
    def emit(what, v):
        lines.append(f"{name} {what} " + " ".join(repr(float(x)) for x in np.ravel(v)))
    for what in ("demographic_parity", "equalized_odds", "equal_opportunity"):
        for how in ("difference", "ratio"):
            emit(f"{what}_{how}", getattr(f, f"{what}_{how}")(y, s, sensitive_features=g, sample_weight=w))
    rates = dict(accuracy=accuracy_score, selection=f.selection_rate, tpr=f.true_positive_rate, fpr=f.false_positive_rate, tnr=f.true_negative_rate, fnr=f.false_negative_rate)
    frame = f.MetricFrame(metrics=rates, y_true=y, y_pred=s, sensitive_features=g, sample_params={k: {"sample_weight": w} for k in rates})
    for k in rates:
        emit(k, frame.by_group[k].to_numpy())
open("fairness.golden", "w").write("\n".join(lines) + "\n")
