"""kequn's support vector machines beside scikit-learn's (libsvm, liblinear): same rows, same parameters, in turns in one run.

  python compare.py                     6,000 × 30 and 2,000 × 30, RBF with C = 1, γ = "scale"; linear at 40,000 × 30; 3 rounds
  python compare.py --rounds 1

Needs numpy, scikit-learn and Go. Tables go to a temporary folder. Every measurement is a process of its own; one thread, as libsvm has no more.
  hinge    the same machine with probabilities: SVC(probability) by scikit-learn's five folds, ours by ours
  squared  our default loss at the same C and γ (no peer)
  auto     kequn's defaults, choice of C and γ included, beside the same SVC
  linear   LinearSVC(dual=False) calibrated by 5 folds (CalibratedClassifierCV)
"""
import argparse, json, os, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def make(dir, train):
    import numpy as np
    r = np.random.default_rng(2)
    n, p = train + 4000, 30
    X = r.standard_normal((n, p))
    s = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.7 * X[:, 3] + 0.5 * np.abs(X[:, 4]) - 0.4 * X[:, 5] * (X[:, 6] > 0) - 1.8
    y = (r.random(n) < 1 / (1 + np.exp(-1.5 * s))).astype(float)
    X = (X - X[:train].mean(0)) / X[:train].std(0)
    X.T.tofile(f"{dir}/x.f64")
    y.tofile(f"{dir}/y.f64")
    json.dump(dict(rows=n, train=train, cols=p, gamma=1 / p), open(f"{dir}/meta.json", "w"))


def sklearn(dir, what):
    import warnings
    warnings.filterwarnings("ignore")
    import numpy as np
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.svm import SVC, LinearSVC
    m = json.load(open(f"{dir}/meta.json"))
    X = np.ascontiguousarray(np.fromfile(f"{dir}/x.f64").reshape(m["cols"], m["rows"]).T)
    y, t = np.fromfile(f"{dir}/y.f64"), m["train"]
    if what == "linear":
        f = CalibratedClassifierCV(LinearSVC(C=1, dual=False), ensemble=False, cv=5)
    else:
        f = CalibratedClassifierCV(SVC(C=1, gamma=m["gamma"]), ensemble=False, cv=5)
    t0, c0 = time.perf_counter(), time.process_time()
    f.fit(X[:t], y[:t])
    fit, cpu = time.perf_counter() - t0, time.process_time() - c0
    t0 = time.perf_counter()
    p = f.predict_proba(X[t:])[:, 1]
    print(json.dumps(dict(system="scikit-learn " + ("LinearSVC" if what == "linear" else "SVC"), fit_s=fit, cpu_s=cpu, predict_s=time.perf_counter() - t0,
                          auc=roc_auc_score(y[t:], p), log_loss=log_loss(y[t:], p), vectors=0 if what == "linear" else int(f.calibrated_classifiers_[0].estimator.n_support_.sum()))))


def measure(cmd):
    out = subprocess.run(cmd, capture_output=True, text=True, env=dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"))
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout.strip().splitlines()[-1])


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--sklearn", nargs=2)
    a = a.parse_args()
    if a.sklearn:
        return sklearn(*a.sklearn)
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/kequn-svm"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        for rows, whats, peer in ((6000, ("hinge", "squared", "auto"), "svc"), (2000, ("hinge", "squared", "auto"), "svc"), (40000, ("linear",), "linear")):
            make(tmp, rows)
            runs = [[measure([exe, "-data", tmp, "-what", w]) for w in whats] + [measure([sys.executable, os.path.abspath(__file__), "--sklearn", tmp, peer])] for _ in range(a.rounds)]
            print(f"{rows:,} rows × 30 columns, 1 thread\n\n| system | fit s | CPU s | AUC | log loss | vectors | 4,000 rows scored in ms |\n|---|---|---|---|---|---|---|")
            for rs in zip(*runs):
                low = lambda k: min(r[k] for r in rs)
                print(f"| {rs[0]['system']} | {low('fit_s'):.2f} | {low('cpu_s'):.2f} | {rs[0]['auc']:.4f} | {rs[0]['log_loss']:.4f} | {rs[0]['vectors']} | {1000 * low('predict_s'):.0f} |")
            for i, w in enumerate(whats):
                print(f"\nscikit-learn takes {statistics.median(r[-1]['fit_s'] / r[i]['fit_s'] for r in runs):.2f} × the time of {w}, {statistics.median(r[-1]['cpu_s'] / max(.01, r[i]['cpu_s']) for r in runs):.2f} × the processor time")
            print(flush=True)


if __name__ == "__main__":
    main()
