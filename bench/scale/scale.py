"""Ten million orders of 500,000 customers: loading and features beside DuckDB, in turns in one run.

  python bench/scale/scale.py KEQUN WORK                 load, features and the automatic set; 3 rounds, medians
  python bench/scale/scale.py KEQUN WORK --parts load    one part of it: load, features, automatic, rows
  python bench/scale/scale.py KEQUN WORK --parts rows --rows 30 60 --memory 4GB

KEQUN is the program, WORK a folder for 2 GB of files (rows: 25 MB a million rows of CSV and 10 MB of parts). Needs duckdb, polars, pandas
and pyarrow, and synth.py and features.py of the shared benchmark: BENCH names their folder (../shared/bench beside the repository).
Every measurement is a process of its own, with 2 threads: wall seconds, CPU seconds (user + system), peak memory of the process.

  load       the same CSV (customer, day as a date, two-digit category, cents) into sorted, sealed parts with row accounting on,
             and by DuckDB's read_csv into a table of a database file
  features   the 27 columns of features.py into a Parquet file, from loaded parts and, in SQL, from Parquet, at one cutoff and at six
             (DuckDB: one query each); the sums of all columns must agree
  automatic  all automatic features, profile included, at one cutoff and at six, in seconds per 100 features
  rows       load and features of more millions of rows, to see that time grows in proportion and memory does not
"""
import argparse, base64, datetime, json, os, secrets, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BENCH = os.environ.get("BENCH", os.path.join(HERE, "..", "..", "..", "shared", "bench"))
CUTS = [700, 670, 640, 610, 580, 550]
FEATURES = r"""
  n: orders.count()
  active_days: orders.active_days()
  cents_sum: orders.sum("cents")
  cents_mean: orders.mean("cents")
  cents_sd: coalesce(orders.sd("cents"), 0.0)
  cents_max: orders.max("cents")
  cents_min: orders.min("cents")
  first_day: days_between(date("1970-01-01"), now()) - orders.days_since_first()
  last_day: days_between(date("1970-01-01"), now()) - orders.days_since_last()
  recency: orders.days_since_last() - 1.0
  tenure: orders.days_since_first() - 1.0
  gap: coalesce(orders.gap_mean(), 0.0)
  categories: orders.distinct("category")
  n_7: orders.last("7d").count()
  sum_7: orders.last("7d").sum("cents")
  n_30: orders.last("30d").count()
  sum_30: orders.last("30d").sum("cents")
  n_90: orders.last("90d").count()
  sum_90: orders.last("90d").sum("cents")
  n_365: orders.last("365d").count()
  sum_365: orders.last("365d").sum("cents")
  n_prev30: orders.between("60d", "30d").count()
  sum_prev30: orders.between("60d", "30d").sum("cents")
  top_category: orders.mode("category")
  top_share: orders.mode_share("category")
  cat0_sum: orders.where(o, o.category == "00").sum("cents")
  cat1_sum: orders.where(o, o.category == "01").sum("cents")
  cat2_sum: orders.where(o, o.category == "02").sum("cents")
"""


def peers(work):
    """The shared benchmark's modules, with their files in work."""
    os.environ["BENCH_TMP"] = work
    sys.path.insert(0, BENCH)
    sys.dont_write_bytecode = True
    import features, synth
    return features, synth


def make(work, millions):
    """orders.csv for loading and transactions.parquet for DuckDB's features. Above 10 million rows only the CSV, ten million rows at a
    time with customers of their own, so that the orders of a customer stay as they are."""
    features, synth = peers(work)
    import polars as pl
    out = path(work, millions)
    if os.path.exists(out):
        return out
    c, d, k, a = synth.transactions(min(millions, 10) * 1_000_000, 50_000 * min(millions, 10))
    t = pl.DataFrame({"customer": c, "day": d, "category": k, "cents": a})
    if millions == 10:
        t.write_parquet(features.SRC, compression="snappy", row_group_size=1_000_000)
    t = t.with_columns(pl.col("day").cast(pl.Date), pl.col("category").cast(pl.String).str.zfill(2))
    with open(out + ".new", "wb") as f:
        for i in range(max(1, millions // 10)):
            t.with_columns(pl.col("customer") + 500_000 * i).write_csv(f, include_header=i == 0)
    os.rename(out + ".new", out)
    return out


def path(work, millions):
    return os.path.join(work, "orders.csv" if millions == 10 else f"orders{millions}.csv")


def identity(work):
    """A new age identity in a file: bech32 of 32 random bytes."""
    p = os.path.join(work, "identity.txt")
    if os.path.exists(p):
        return p
    chars, hrp = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", "age-secret-key-"
    bits = "".join(f"{b:08b}" for b in secrets.token_bytes(32)).ljust(260, "0")
    data = [int(bits[i:i + 5], 2) for i in range(0, 260, 5)]

    def polymod(values):
        chk = 1
        for v in values:
            top = chk >> 25
            chk = (chk & 0x1FFFFFF) << 5 ^ v
            for i, g in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
                chk ^= g if top >> i & 1 else 0
        return chk
    spread = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    sum = polymod(spread + data + [0] * 6) ^ 1
    text = hrp + "1" + "".join(chars[v] for v in data + [sum >> 5 * (5 - i) & 31 for i in range(6)])
    with open(os.open(p, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write(text.upper() + "\n")
    return p


def run(name, args, env=None):
    """Runs a process; wall and CPU seconds and peak megabytes of it."""
    # time(1) starts the program from a small process: what is forked from a large one begins with its peak.
    with tempfile.NamedTemporaryFile("r") as notes:
        p = subprocess.run(["/usr/bin/time", "-q", "-f", "%e %U %S %M", "-o", notes.name, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, env=dict(os.environ, LANG="C", **(env or {})))
        wall, user, system, kb = map(float, notes.read().split()[-4:])
    r = dict(name=name, wall=wall, cpu=user + system, mb=kb / 1024, out=p.stdout)
    if p.returncode:
        sys.exit(f"{' '.join(args)}\n{p.stdout}")
    print(f"  {name:<34} {r['wall']:7.2f} s wall {r['cpu']:7.2f} s CPU {r['mb']:6.0f} MB", flush=True)
    return r


def duck(work, what, *args):
    return run("duckdb " + what, [sys.executable, os.path.abspath(__file__), "--duck", work, what, *args])


def duck_main(work, what, *args):
    if what == "load":
        import duckdb
        db = os.path.join(work, "duck.db")
        if os.path.exists(db):
            os.remove(db)
        con = duckdb.connect(db, config={"threads": 2})
        con.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{args[0]}')")
        con.close()
        return
    features, _ = peers(work)
    for c in args[0].split(","):
        features.CUT = int(c)
        features.duck(2, features.SRC)
        if len(args[0]) > 3:
            os.replace(os.path.join(work, "f_duckdb.parquet"), os.path.join(work, f"f_duckdb_{c}.parquet"))


def load(kequn, work, csv, ws, *more):
    """Loads csv into a new sealed workspace."""
    subprocess.run(["rm", "-rf", ws], check=True)
    key = identity(work)
    subprocess.run([kequn, "-C", ws, "key", "init", "--identity", key], check=True, capture_output=True)
    r = run("kequn load, sealed", [kequn, "-C", ws, "load", csv, "--as", "orders", "--customer", "customer", "--time", "day", "--identity", key,
                                   "--threads", "2", "--json", "--quiet", *more])
    d = json.loads(r["out"])["datasets"][0]
    if d["read"] != d["kept"] + d["rejected"] + d["duplicate"] or d["rejected"] or d["duplicate"]:
        sys.exit(f"rows do not add up: {d}")
    r["rows"] = d["kept"]
    plan = os.path.join(ws, "kequn.yaml")
    with open(plan) as f:
        text = f.read()
    with open(plan, "w") as f:
        f.write(text.replace("\nfeatures:\n", "\nfeatures:" + "\n".join(quoted(l) for l in FEATURES.split("\n"))))
    return r


def quoted(line):
    name, _, value = line.strip().partition(": ")
    return f"  {name}: '{value}'" if value else ""


def features(kequn, work, ws, cuts, only="own", name="kequn features", *more):
    days = ",".join(str(datetime.date(1970, 1, 1) + datetime.timedelta(days=c)) for c in cuts)
    out = os.path.join(work, "f_kequn.parquet")
    return run(f"{name}, {len(cuts)} cutoffs", [kequn, "-C", ws, "features", "--only", only, "--out", out, "--cutoff", days, "--identity", identity(work),
                                                "--threads", "2", "--json", "--quiet", *more])


def check(work, cuts):
    """The sums of every column, and the rows, must be DuckDB's."""
    import pandas as pd
    own = pd.read_parquet(os.path.join(work, "f_kequn.parquet"))
    for c in cuts:
        other = pd.read_parquet(os.path.join(work, f"f_duckdb_{c}.parquet" if len(cuts) > 1 else "f_duckdb.parquet"))
        f = own
        if len(cuts) > 1:
            f = own[own.cutoff.dt.tz_localize(None) == pd.Timestamp("1970-01-01") + pd.Timedelta(days=c)]
        if len(f) != len(other):
            sys.exit(f"cutoff {c}: {len(f)} rows, DuckDB has {len(other)}")
        for col in other.columns:
            a, b = f[col].astype(float).sum(), other[col].astype(float).sum()
            if float(f"{a:.10g}") != float(f"{b:.10g}"):
                sys.exit(f"cutoff {c}: the sum of {col} is {a!r}, DuckDB's {b!r}")
    print(f"  all {len(other.columns)} columns of {len(own):,} rows have DuckDB's sums")


def ratio(what, ours, theirs):
    m = lambda rs, k: statistics.median(r[k] for r in rs)
    print(f"{what}: wall {m(ours, 'wall'):.2f} s against {m(theirs, 'wall'):.2f}: {m(theirs, 'wall') / m(ours, 'wall'):.2f} x the speed; "
          f"CPU {m(ours, 'cpu'):.2f} s against {m(theirs, 'cpu'):.2f}: {m(theirs, 'cpu') / m(ours, 'cpu'):.2f} x; peak {max(r['mb'] for r in ours):.0f} MB")


def main():
    if sys.argv[1:2] == ["--duck"]:
        return duck_main(*sys.argv[2:])
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("kequn"), a.add_argument("work")
    a.add_argument("--parts", nargs="+", default=["load", "features", "automatic"])
    a.add_argument("--rounds", type=int, default=3)
    a.add_argument("--rows", nargs="+", type=int, default=[30, 60], help="millions")
    a.add_argument("--memory", default="4GB")
    o = a.parse_args()
    kequn, work = os.path.abspath(o.kequn), os.path.abspath(o.work)
    os.makedirs(work, exist_ok=True)
    ws = os.path.join(work, "shop")
    if {"load", "features", "automatic"} & set(o.parts):
        csv = make(work, 10)
    if "load" in o.parts:
        ours, theirs = [], []
        for _ in range(o.rounds):
            theirs.append(duck(work, "load", csv))
            ours.append(load(kequn, work, csv, ws))
        ratio("load of 10 M rows", ours, theirs)
    elif {"features", "automatic"} & set(o.parts) and not os.path.exists(ws):
        load(kequn, work, csv, ws)
    if "features" in o.parts:
        for cuts in (CUTS[:1], CUTS):
            ours, theirs = [], []
            for _ in range(o.rounds):
                theirs.append(duck(work, "features", ",".join(map(str, cuts))))
                ours.append(features(kequn, work, ws, cuts))
            check(work, cuts)
            ratio(f"27 features at {len(cuts)} cutoffs", ours, theirs)
    if "automatic" in o.parts:
        for cuts in (CUTS[:1], CUTS):
            rs = [features(kequn, work, ws, cuts, "automatic", "kequn automatic features") for _ in range(o.rounds)]
            n = len(json.loads(rs[0]["out"])["features"])
            m = statistics.median(r["wall"] for r in rs)
            print(f"{n} automatic features at {len(cuts)} cutoffs: {m:.2f} s, {100 * m / n:.2f} s per 100 features; peak {max(r['mb'] for r in rs):.0f} MB")
    if "rows" in o.parts:
        for n in o.rows:
            csv = make(work, n)
            big = os.path.join(work, f"shop{n}")
            r = load(kequn, work, csv, big, "--memory", o.memory)
            f = features(kequn, work, big, CUTS[:1], "own", "kequn features", "--memory", o.memory)
            print(f"{n} M rows: load {r['wall'] / n:.3f} s a million ({r['cpu'] / n:.3f} CPU), peak {r['mb']:.0f} MB; features {f['wall'] / n:.3f} s a million, peak {f['mb']:.0f} MB")
            subprocess.run(["rm", "-rf", big, csv if n != 10 else "", os.path.join(work, "f_kequn.parquet")], check=True)


if __name__ == "__main__":
    main()
