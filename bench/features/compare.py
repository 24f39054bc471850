"""Ten million orders to 27 features a customer, at one and at six cutoffs, beside DuckDB: python compare.py KEQUN PEERS WORK [--rows N] [--repeats N] [--threads N]

PEERS is the folder of the peers' scripts: synth.py makes the orders, features.py holds DuckDB's SQL by hand and checksum(), the sums
that any program's columns must agree with. WORK keeps the orders, the loaded workspace and the written files (about 1 GB).

Each of the 27 columns is a feature of kequn.yaml below. The day numbers of the generator are dates from 1970-01-01 on, so that day 700
is 1971-12-02, and categories are two digits, so that the smaller text is the lower number on a tie. What is timed is
`kequn features --only own` from loaded parts to a Parquet file, and DuckDB from a Parquet file to a Parquet file, in the same run by turns;
seconds are the smallest of the repeats, memory the largest. At six cutoffs Kequn makes one pass and DuckDB one query each.
"""
import argparse, datetime, os, subprocess, sys, time
from pathlib import Path

CUTOFFS = [550, 580, 610, 640, 670, 700]

PLAN = """\
version: 1
zone: UTC
datasets:
  orders:
    role: orders
    columns:
      customer: {kind: text, role: customer}
      day:      {kind: time, role: time}
      category: {kind: category, role: category}
      cents:    {kind: integer}
features:
  n: orders.count()
  active_days: orders.active_days()
  cents_sum: orders.sum("cents")
  cents_mean: orders.mean("cents")
  cents_sd: coalesce(orders.sd("cents"), 0)
  cents_max: orders.max("cents")
  cents_min: orders.min("cents")
  first_day: 'days_between(date("1970-01-01"), orders.min("day"))'
  last_day: 'days_between(date("1970-01-01"), orders.max("day"))'
  recency: orders.days_since_last() - 1
  tenure: orders.days_since_first() - 1
  gap: coalesce((last_day - first_day) / (active_days - 1), 0)
  categories: orders.distinct("category")
WINDOWS
  n_prev30: orders.between("60d", "30d").count()
  sum_prev30: orders.between("60d", "30d").sum("cents")
  top_category: orders.mode("category")
  top_share: orders.mode_share("category")
  cat0_sum: orders.where(o, o.category == "00").sum("cents")
  cat1_sum: orders.where(o, o.category == "01").sum("cents")
  cat2_sum: orders.where(o, o.category == "02").sum("cents")
""".replace("WINDOWS\n", "".join(f'  n_{w}: orders.last("{w}d").count()\n  sum_{w}: orders.last("{w}d").sum("cents")\n' for w in (7, 30, 90, 365)))


def measure(*args, **env):
    """Runs a command; returns wall and processor seconds and peak memory in MB."""
    began = time.time()
    p = subprocess.Popen([str(a) for a in args], stdout=subprocess.DEVNULL, env=dict(os.environ, **env))
    _, status, used = os.wait4(p.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, args))}: exit {status >> 8}")
    return time.time() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def peer(cut):
    """DuckDB's SQL at a cutoff, in a process of its own."""
    import features
    features.CUT = cut
    features.duck(int(os.environ["BENCH_THREADS"]), features.SRC)
    os.replace(features.TMP / "f_duckdb.parquet", features.TMP / f"f_duckdb_{cut}.parquet")


def sums(work, name, cut):
    """The peers' own checksum() of a file, or of the rows of a cutoff."""
    import features, pandas as pd
    f = pd.read_parquet(work / name)
    if "cutoff" in f.columns:
        f = f[f.cutoff == pd.Timestamp("1970-01-01", tz="UTC") + pd.Timedelta(days=cut)].drop(columns="cutoff")
    f.to_parquet(work / "f_one.parquet")
    return features.checksum("one")


def agree(a, b):
    if a.keys() != b.keys():
        return f"columns differ: {sorted(a.keys() ^ b.keys())}"
    bad = {k: (a[k], b[k]) for k in a if abs(a[k] - b[k]) > 1e-9 * max(1, abs(b[k]))}
    return f"{len(a) - 1 - len(bad)} of {len(a) - 1} columns agree" + (f", not {bad}" if bad else "")


def prepare(a, work):
    """The orders as the generator makes them, and as Kequn loads them: days as dates, categories as texts."""
    import duckdb, pandas as pd
    from synth import transactions
    source, ours = work / "transactions.parquet", work / "orders.parquet"
    if not source.exists():
        c, d, k, v = transactions(a.rows, max(1, a.rows // 20))
        pd.DataFrame({"customer": c, "day": d, "category": k, "cents": v}).to_parquet(source, compression="snappy", row_group_size=1_000_000)
    if not ours.exists():
        duckdb.execute(f"""COPY (SELECT customer::VARCHAR AS customer, DATE '1970-01-01' + day AS day, printf('%02d', category) AS category, cents
            FROM '{source}') TO '{ours}'""")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kequn"), p.add_argument("peers", type=Path), p.add_argument("work", type=Path)
    p.add_argument("--rows", type=int, default=10_000_000), p.add_argument("--repeats", type=int, default=3), p.add_argument("--threads", default="2")
    p.add_argument("--part", default="", help=argparse.SUPPRESS)
    a = p.parse_args()
    work = a.work / f"{a.rows}"
    work.mkdir(parents=True, exist_ok=True)
    os.environ.update(BENCH_TMP=str(work), BENCH_THREADS=a.threads, GOMAXPROCS=a.threads)
    sys.path.insert(0, str(a.peers))
    # A process is never credited with less memory than the one that started it had, so this one stays small: what needs
    # libraries runs as a part, in a process of its own.
    part, _, rest = a.part.partition(":")
    if part == "prepare":
        return prepare(a, work)
    if part == "peer":
        return peer(int(rest))
    if part == "agree":
        name, cut = rest.split(":")
        return print(f"  day {cut}: {agree(sums(work, name, int(cut)), sums(work, f'f_duckdb_{cut}.parquet', int(cut)))}")
    here = [sys.executable, "-W", "ignore", __file__, a.kequn, a.peers, a.work, "--rows", a.rows, "--threads", a.threads, "--part"]
    run = lambda part: subprocess.run([str(x) for x in here + [part]], check=True)
    run("prepare")
    shop = work / "shop"
    if not shop.exists():
        shop.mkdir()
        (shop / "kequn.yaml").write_text(PLAN)
        w, cpu, mb = measure(a.kequn, "load", work / "orders.parquet", "--as", "orders", "--dir", shop, "--quiet")
        print(f"load {a.rows:,} orders from Parquet into parts: {w:.1f} s, {cpu:.1f} CPU-s, {mb:.0f} MB", flush=True)
    (shop / "kequn.yaml").write_text(PLAN)
    day = lambda c: str(datetime.date(1970, 1, 1) + datetime.timedelta(days=c))
    for cuts in ([700], CUTOFFS):
        name = f"f_kequn_{len(cuts)}.parquet"
        mine, theirs = [], []
        for _ in range(a.repeats):
            mine.append(measure(a.kequn, "features", "--dir", shop, "--only", "own", "--cutoff", ",".join(map(day, cuts)), "--out", work / name, "--quiet"))
            runs = [measure(*here, f"peer:{c}") for c in cuts]
            theirs.append((sum(r[0] for r in runs), sum(r[1] for r in runs), max(r[2] for r in runs)))
        m, t = ((min(r[0] for r in rs), min(r[1] for r in rs), max(r[2] for r in rs)) for rs in (mine, theirs))
        print(f"{len(cuts)} cutoff{'s' * (len(cuts) > 1)}, {a.threads} threads  seconds   CPU-s      MB")
        print(f"  kequn              {m[0]:8.2f}{m[1]:8.2f}{m[2]:8.0f}")
        print(f"  duckdb             {t[0]:8.2f}{t[1]:8.2f}{t[2]:8.0f}   {t[0] / m[0]:.1f} x the wall time, {t[1] / m[1]:.1f} x the processor time", flush=True)
        for c in cuts:
            run(f"agree:{name}:{c}")


if __name__ == "__main__":
    main()
