"""Exported models beside kequn: onnxruntime and DuckDB must give the scores that kequn gives.

    python -m venv venv && venv/bin/pip install onnxruntime onnx duckdb pandas
    go build -o kequn ./cmd/kequn
    venv/bin/python bench/onnx/check.py --kequn ./kequn [--data ../shared/data] [--only telco,made] [--models linear,gbdt]

Each model is trained by `kequn try --save`, exported, and scores its own table and a spoilt one: a twentieth of all values is
missing, a twentieth of all categories was never seen. Printed are the greatest difference of any score, and rows a second of scoring alone.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

import duckdb
import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd


def made(path, task, rows=6000, seed=1):
    """A table with names in quotes, skewed numbers, integers, missing values, few and many categories."""
    r = np.random.default_rng(seed)
    city = r.integers(0, 400, rows)
    plan = r.integers(0, 3, rows)
    age = r.normal(45, 12, rows)
    spend = r.lognormal(3, 1.4, rows)
    visits = r.poisson(4, rows)
    margin = 0.05 * (age - 45) + 0.6 * (plan == 1) - 0.4 * np.log(spend) + 0.2 * visits + np.sin(city) + 0.8 * (age > 60) * (plan == 2)
    t = pd.DataFrame({
        'age "in years"': np.round(age, 2), "spend": spend, "visits": visits, "it's a city": [f"ville d'{c} \\ \"{c % 7}\"" for c in city],
        "套餐": np.array(["基础", "标准,加", "O'Neill"])[plan], "score": r.normal(0, 1, rows),
    }).astype(object)
    t = t.mask(r.random(t.shape) < 0.07, "")
    if task == "binary":
        t["y"] = np.where(r.random(rows) < 1 / (1 + np.exp(-margin + 0.5)), "yes", "no")
    elif task == "amount":
        t["y"] = np.round(np.exp(0.5 * margin + r.normal(0, 0.5, rows)), 4)
    else:
        t["y"] = np.array(["gold", "it's", "zinc"])[np.argmax(np.stack([margin, 0 * margin, -margin], 1) + r.gumbel(size=(rows, 3)), 1)]
    t.to_csv(path, index=False)


def tables(data, work):
    yield "made (yes or no)", None, "binary", ["--outcome", "y"]
    yield "made (amount)", None, "amount", ["--outcome", "y"]
    yield "made (classes)", None, "classes", ["--outcome", "y"]
    for name, file, flags in [
        ("telco_churn", "telco_churn/Telco-Customer-Churn.csv", ["--outcome", "Churn", "--drop", "customerID"]),
        ("bank_marketing", "bank_marketing/bank-full.csv.gz", ["--outcome", "y"]),
        ("adult_income", "adult_income/adult_train.csv.gz", ["--outcome", "income"]),
    ]:
        path = os.path.join(data, file)
        if os.path.exists(path):
            yield name, path, None, flags
        else:
            print(f"{name}: {path} is absent, passed over", file=sys.stderr)


def cells(path):
    """All values as texts; the file's own separator."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as f:
        head = f.readline()
    sep = max(",;\t", key=head.count)
    return pd.read_csv(path, dtype=str, keep_default_na=False, sep=sep).map(str.strip)


def kequn(args, *words):
    p = subprocess.run([args.kequn, "--json", "--quiet", *words], capture_output=True, text=True)
    return (json.loads(p.stdout) if p.stdout else None), p.returncode


def feed(session, t):
    out = {}
    for i in session.get_inputs():
        c = t[i.name] if i.name in t else pd.Series([""] * len(t))
        out[i.name] = (c.to_numpy(object) if "string" in i.type else pd.to_numeric(c, errors="coerce").to_numpy(np.float64)).reshape(-1, 1)
    return out


def best(f, times=3):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        result = f()
        took.append(time.perf_counter() - began)
    return result, min(took)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--kequn", default="./kequn")
    p.add_argument("--data", default=os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "data"))
    p.add_argument("--only", default="")
    p.add_argument("--models", default="linear,rulelist,tree,forest,extra,gbdt,gbdt-careful,gbdt-varied,gbdt-symmetric,auto")
    p.add_argument("--threads", default="2")
    args = p.parse_args()
    print(f"onnxruntime {ort.__version__}, onnx {onnx.__version__}, duckdb {duckdb.__version__}, {os.cpu_count()} processors\n")
    print("| table | rows | model | ONNX: greatest difference | DuckDB: greatest difference | kequn rows/s | onnxruntime rows/s | DuckDB rows/s | ONNX kB |")
    print("| --- | --: | --- | --: | --: | --: | --: | --: | --: |")
    worst, failed = 0.0, 0
    with tempfile.TemporaryDirectory() as work:
        for name, path, task, flags in tables(args.data, work):
            if args.only and not any(o in name for o in args.only.split(",")):
                continue
            if path is None:
                path = os.path.join(work, task + ".csv")
                made(path, task)
            t = cells(path)
            spoilt = t.copy()
            r = np.random.default_rng(3)
            for c in spoilt.columns:
                u = r.random(len(spoilt))
                spoilt.loc[u < 0.05, c] = ""
                if pd.to_numeric(t[c], errors="coerce").notna().mean() < 0.5:
                    spoilt.loc[(u >= 0.05) & (u < 0.1), c] = "never seen"
            both = pd.concat([t, spoilt], ignore_index=True)
            table = os.path.join(work, "both.csv")
            both.to_csv(table, index=False, quoting=csv.QUOTE_ALL)
            for line in args.models.split(","):
                saved = os.path.join(work, "model.kqm")
                doc, code = kequn(args, "try", path, *flags, "--models", line, "--save", saved, "--quick", "--threads", args.threads)
                if code != 0:
                    print(f"{name}, {line}: {doc['error']['message']}", file=sys.stderr)
                    continue
                scores = os.path.join(work, "scores.csv")
                doc, code = kequn(args, "model", "score", saved, table, "--predictions", scores, "--threads", args.threads)
                assert code == 0, doc
                ours = pd.read_csv(scores)
                ours = ours.score.to_numpy().reshape(len(both), -1)
                cols = [name, f"{len(both)}", line, "", "", f"{len(both) / doc['predict_seconds']:,.0f}", "", "", ""]
                file = os.path.join(work, "model.onnx")
                doc, code = kequn(args, "model", "export", saved, "--to", "onnx", "--out", file)
                if code == 0:
                    onnx.checker.check_model(file, full_check=True)
                    o = ort.SessionOptions()
                    o.intra_op_num_threads = int(args.threads)
                    session = ort.InferenceSession(file, o)
                    x = feed(session, both)
                    theirs, took = best(lambda: session.run(None, x))
                    gap = np.abs(theirs[0] - ours) / np.maximum(1, np.abs(ours))
                    if theirs[0].shape[1] > 1:
                        classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
                        top = np.array(classes)[ours.argmax(1)]
                        assert (theirs[1][:, 0] == top).mean() > 0.9999
                    cols[3], cols[6], cols[8] = f"{gap.max():.1e}", f"{len(both) / took:,.0f}", f"{os.path.getsize(file) / 1000:,.0f}"
                    worst = max(worst, gap.max())
                else:
                    cols[3] = doc["error"]["message"]
                file = os.path.join(work, "model.sql")
                doc, code = kequn(args, "model", "export", saved, "--to", "sql", "--out", file, "--table", 'the "table"', "--keep", "row number")
                if code == 0:
                    frame = pd.DataFrame({"row number": np.arange(len(both))})
                    for i in kequn(args, "model", "show", saved)[0]["columns"]:
                        c = both[i["name"]]
                        frame[i["name"]] = pd.to_numeric(c, errors="coerce") if i["kind"] == "number" else c.where(c != "", None)
                    db = duckdb.connect()
                    db.execute(f"SET threads = {args.threads}")
                    db.register("frame", frame)
                    db.execute('CREATE TABLE "the ""table""" AS SELECT ' + ", ".join(
                        (f'CASE WHEN isnan({q}) THEN NULL ELSE {q} END AS {q}' if pd.api.types.is_float_dtype(frame[c]) else q)
                        for c in frame for q in ['"' + c.replace('"', '""') + '"']) + " FROM frame")
                    text = open(file, encoding="utf-8").read()
                    theirs, took = best(lambda: db.execute(text).fetchnumpy())
                    order = np.argsort(theirs["row number"])
                    got = np.stack([theirs[k] for k in theirs if k != "row number"], 1)[order]
                    gap = np.abs(got - ours) / np.maximum(1, np.abs(ours))
                    cols[4], cols[7] = f"{gap.max():.1e}", f"{len(both) / took:,.0f}"
                    worst = max(worst, gap.max())
                else:
                    cols[4] = doc["error"]["message"]
                print("| " + " | ".join(cols) + " |", flush=True)
    print(f"\ngreatest difference of all: {worst:.1e}")
    sys.exit(1 if worst > 1e-6 else 0)


if __name__ == "__main__":
    main()
