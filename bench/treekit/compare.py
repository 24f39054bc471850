"""Scoring and explaining the same trees: treekit beside the libraries that grew them, on the same rows in one run.

  python compare.py                       200,000 rows × 28 columns, 1 and 2 threads
  python compare.py --rows 50000 --only lightgbm,catboost --threads 2

LightGBM (100 trees of 31 leaves), XGBoost (100, 31 leaves, by loss), CatBoost (100 symmetric trees of depth 6) and
scikit-learn (a forest of 500 trees of about 2,000 leaves) each grow trees; LightGBM's, CatBoost's and scikit-learn's are
written as treekit writes ensembles and given to both. Scores must agree, else the run stops. Rows a second are of wall
time, and in brackets of processor time: other work on the machine lowers the first, not the second.
Needs lightgbm, xgboost, catboost, scikit-learn, numpy and Go; run it in this folder.
"""
import argparse, json, os, struct, subprocess, sys, tempfile, time
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
NODE = np.dtype([("col", "<i4"), ("set", "<i4"), ("left", "<i4"), ("right", "<i4"), ("missing", "u1"), ("threshold", "<f8"), ("gain", "<f8"), ("cover", "<f8")])


def make(n):
    r = np.random.default_rng(7)
    X = r.standard_normal((n, 28), dtype=np.float32)
    X[:, ::3] = np.exp(0.5 * X[:, ::3])
    X[:, 1::3] = np.abs(X[:, 1::3])
    X[:, 17:21] = r.choice(np.float32([0, 1.0865, 2.1731]), (n, 4), p=[.5, .3, .2])
    s = np.tanh(X[:, 0] * X[:, 1]) + 0.5 * X[:, 2] * (X[:, 17] > 1) + np.sin(2 * X[:, 3]) * X[:, 4] - 0.4 * np.abs(X[:, 5] - X[:, 6]) + 0.3 * X[:, 7] * X[:, 8] + 0.2 * X[:, 9:16].sum(1)
    s -= np.median(s)
    return X, (r.random(n) < 1 / (1 + np.exp(-1.6 * s))).astype(np.float32)


class Writer:
    """Writes an ensemble as treekit's format.go describes it."""

    def __init__(self, path, cols, base, trees):
        self.f = open(path, "wb")
        self.f.write(struct.pack("<3I", cols, len(base), trees) + np.asarray(base, "<f8").tobytes() + bytes(cols))

    def tree(self, col, threshold, left, right, cover, leaf, leaf_cover, width=1):
        n = np.zeros(len(col), NODE)
        n["col"], n["threshold"], n["left"], n["right"], n["cover"] = col, threshold, left, right, cover
        self.f.write(struct.pack("<5I", 0, width, len(n), 0, 0) + n.tobytes() + np.asarray(leaf, "<f8").tobytes() + np.asarray(leaf_cover, "<f8").tobytes())


def write_lightgbm(b, path):
    trees = b.dump_model()["tree_info"]
    w = Writer(path, 28, [0.0], len(trees))
    for t in trees:
        nodes, leaf, cover = [], {}, {}

        def walk(k):
            if "leaf_index" in k or "leaf_value" in k:
                i = k.get("leaf_index", 0)
                leaf[i], cover[i] = k["leaf_value"], k.get("leaf_count", 1)
                return ~i
            i = len(nodes)
            nodes.append([k["split_feature"], k["threshold"], 0, 0, k["internal_count"]])
            nodes[i][2], nodes[i][3] = walk(k["left_child"]), walk(k["right_child"])
            return i

        walk(t["tree_structure"])
        order = sorted(leaf)
        w.tree(*[list(c) for c in zip(*nodes)], [leaf[i] for i in order], [cover[i] for i in order])


def write_catboost(path_json, path):
    m = json.load(open(path_json))
    scale, bias = m["scale_and_bias"]
    w = Writer(path, 28, np.ravel(bias), len(m["oblivious_trees"]))
    for t in m["oblivious_trees"]:
        split, value, weight = t["splits"], np.array(t["leaf_values"]) * scale, np.array(t["leaf_weights"], float)
        d = len(split)
        # CatBoost: bit k of a leaf's number is value > border of split k. Nodes here: level by level, split 0 at the root.
        col, thr, left, right, cover = [], [], [], [], []
        for level in range(d):
            for i in range(1 << level):  # i: answers so far, bit k is split k
                at = len(col)
                rows = weight[[n for n in range(1 << d) if n & ((1 << level) - 1) == i]].sum()
                col.append(split[level]["float_feature_index"]); thr.append(split[level]["border"]); cover.append(rows)
                kid = lambda bits: (1 << level + 1) - 1 + bits if level + 1 < d else ~bits
                left.append(kid(i)); right.append(kid(i | 1 << level))
        w.tree(col, thr, left, right, cover, value, weight)


def write_forest(f, path):
    w = Writer(path, 28, [0.0, 0.0], len(f.estimators_))
    for e in f.estimators_:
        t = e.tree_
        leaf = t.children_left < 0
        number = np.where(leaf, ~(np.cumsum(leaf) - 1), np.cumsum(~leaf) - 1)
        inner = ~leaf
        w.tree(t.feature[inner], t.threshold[inner], number[t.children_left[inner]], number[t.children_right[inner]], t.weighted_n_node_samples[inner],
               t.value[leaf, 0, :] / len(f.estimators_), t.weighted_n_node_samples[leaf], width=2)


def clock(n, f, least=1.0):
    """Rows a second of wall and of processor time: the best of calls for at least that long."""
    wall = cpu = 1e9
    end = time.perf_counter() + least
    while True:
        t, c = time.perf_counter(), time.process_time()
        f()
        wall, cpu = min(wall, time.perf_counter() - t), min(cpu, time.process_time() - c)
        if time.perf_counter() > end:
            return n / wall, n / cpu


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--rows", type=int, default=200_000)
    a.add_argument("--explain", type=int, default=10_000)
    a.add_argument("--threads", default="1,2")
    a.add_argument("--only", default="lightgbm,xgboost,catboost,forest")
    a = a.parse_args()
    X, y = make(a.rows)
    few, tiny = X[:a.explain], X[:2000]
    tables = []
    with tempfile.TemporaryDirectory() as tmp:
        exe = f"{tmp}/treekit"
        subprocess.run(["go", "build", "-o", exe, "."], cwd=HERE, check=True)
        np.ascontiguousarray(X.T).tofile(f"{tmp}/x.f32")

        def ours(trees, threads, check, explain):
            check.astype("<f8").tofile(f"{tmp}/check.f64")
            out = subprocess.run([exe, "-x", f"{tmp}/x.f32", "-columns", "28", "-trees", trees, "-threads", str(threads), "-explain", str(explain), "-check", f"{tmp}/check.f64"], capture_output=True, text=True)
            if out.returncode:
                sys.exit(out.stderr)
            return json.loads(out.stdout)

        def row(what, threads, mine, score, explain):
            both = lambda v: f"{v[0]:,.0f} ({v[1]:,.0f})" if v else ""
            print(f"| {what} | {threads} | {both(mine.get('score'))} | {both(score)} | {both(mine.get('explain'))} | {both(explain)} | {mine.get('one_us', 0):.1f} |", flush=True)

        print(f"{a.rows:,} rows × 28 columns scored, {a.explain:,} explained; rows/s of wall (processor) time\n")
        print("| trees | threads | scored, treekit | scored, peer | explained, treekit | explained, peer | one row, µs |\n|---|---|---|---|---|---|---|", flush=True)
        threads = [int(t) for t in a.threads.split(",")]
        only = a.only.split(",")
        if "lightgbm" in only:
            import lightgbm as lgb
            b = lgb.train(dict(objective="binary", num_leaves=31, learning_rate=0.1, verbose=-1, num_threads=2, use_missing=False), lgb.Dataset(X, y), 100)
            write_lightgbm(b, f"{tmp}/lightgbm")
            raw = b.predict(X, raw_score=True)
            for t in threads:
                row(f"LightGBM {lgb.__version__}, 100 × 31 leaves", t, ours(f"{tmp}/lightgbm", t, raw, a.explain), clock(len(X), lambda: b.predict(X, num_threads=t)),
                    clock(len(tiny), lambda: b.predict(tiny, pred_contrib=True, num_threads=t)))
        if "xgboost" in only:
            import xgboost as xgb
            b = xgb.train(dict(objective="binary:logistic", grow_policy="lossguide", max_leaves=31, max_depth=0, tree_method="hist", nthread=2), xgb.DMatrix(X, y), 100)
            for t in threads:
                b.set_param({"nthread": t})
                row(f"XGBoost {xgb.__version__}, 100 × 31 leaves", t, {}, clock(len(X), lambda: b.inplace_predict(X)), clock(len(tiny), lambda: b.predict(xgb.DMatrix(tiny, nthread=t), pred_contribs=True)))
        if "catboost" in only:
            import catboost as cb
            b = cb.CatBoostClassifier(iterations=100, depth=6, thread_count=2, verbose=0, allow_writing_files=False).fit(X, y)
            b.save_model(f"{tmp}/cat.json", format="json")
            write_catboost(f"{tmp}/cat.json", f"{tmp}/catboost")
            raw = b.predict(X, prediction_type="RawFormulaVal")
            pool, small = cb.Pool(X), cb.Pool(few)
            for t in threads:
                row(f"CatBoost {cb.__version__}, 100 symmetric, depth 6", t, ours(f"{tmp}/catboost", t, raw, a.explain), clock(len(X), lambda: b.predict(pool, prediction_type="RawFormulaVal", thread_count=t)),
                    clock(len(few), lambda: b.get_feature_importance(small, type="ShapValues", thread_count=t)))
        if "forest" in only:
            import sklearn
            from sklearn.ensemble import RandomForestClassifier
            part = X[:20_000]
            f = RandomForestClassifier(500, min_samples_leaf=3, n_jobs=2, random_state=1).fit(part, y[:20_000])
            write_forest(f, f"{tmp}/forest")
            leaves = np.mean([e.get_n_leaves() for e in f.estimators_])
            p = f.predict_proba(X)
            for t in threads:
                f.n_jobs = t
                row(f"scikit-learn {sklearn.__version__}, forest of 500 × {leaves:.0f} leaves", t, ours(f"{tmp}/forest", t, p, 0), clock(len(X), lambda: f.predict_proba(X), 0.1), None)


if __name__ == "__main__":
    main()
