"""Plants ten kinds of leak into real clean tables and asks `kequn try` (and `predict`) to name them; then counts false alarms.

    python bench/leaks/leaks.py BINARY [--data ../shared/data] [--seeds 3] [--only planted|clean|goals|speed]

Only Python's own library is used. Every planted column is called `x`, except where rows are planted.
"""
import argparse, csv, gzip, json, math, os, random, resource, subprocess, sys, tempfile, datetime as dt

ap = argparse.ArgumentParser()
ap.add_argument('binary')
ap.add_argument('--data', default='../shared/data')
ap.add_argument('--seeds', type=int, default=3)
ap.add_argument('--only', default='')
args = ap.parse_args()
KQ = os.path.abspath(args.binary)
TMP = tempfile.mkdtemp(prefix='leaks')


def read(path):
    f = gzip.open(path, 'rt', encoding='utf-8') if path.endswith('.gz') else open(path, encoding='utf-8')
    with f:
        rows = list(csv.reader(f))
    return rows[0], rows[1:]


def write(name, head, rows):
    path = os.path.join(TMP, name)
    with open(path, 'w', newline='', encoding='utf-8') as f:
        w = csv.writer(f)
        w.writerow(head)
        w.writerows(rows)
    return path


def kequn(*a):
    p = subprocess.run([KQ, *a, '--json', '--quiet', '--lang', 'en'], capture_output=True, text=True)
    try:
        return p.returncode, json.loads(p.stdout)
    except json.JSONDecodeError:
        return p.returncode, {'error': {'message': p.stderr[:300], 'where': ''}}


def probe(path, outcome, *more):
    code, r = kequn('try', path, '--outcome', outcome, '--models', 'linear', '--quick', *more)
    if code:
        sys.exit(f'{path}: {r}')
    return r['leaks']


# --- ten kinds -------------------------------------------------------------------------------------------------------------------
class Plant:
    """A table into which one leak is planted: head, rows, and whether each row has the outcome."""

    def __init__(self, head, rows, outcome, yes, seed):
        self.head, self.rows, self.o, self.yesword = list(head), [list(r) for r in rows], head.index(outcome), yes
        self.r = random.Random(seed)
        self.r.shuffle(self.rows)

    def yes(self, row): return row[self.o] == self.yesword

    def add(self, at):
        self.head.append('x')
        for row in self.rows:
            row.append(at(row))


def too_good(t):
    d = t.r.uniform(2.6, 5)
    t.add(lambda row: round(d * t.yes(row) + t.r.gauss(0, 1), 4))


def filled_after(t):
    p = t.r.uniform(.3, 1)
    t.add(lambda row: t.r.choice(['price', 'moved', 'other']) if t.yes(row) and t.r.random() < p else '')


def id_by_outcome(t):
    n = [100000, 100000 + 2 * len(t.rows)]

    def at(row):
        k = int(t.yes(row) != (t.r.random() < .1))
        n[k] += 1
        return f'K{n[k]}'
    t.add(at)


def row_order(t):
    size = t.r.randint(3, 40)
    yes, no = [r for r in t.rows if t.yes(r)], [r for r in t.rows if not t.yes(r)]
    t.rows = []
    while yes or no:
        part = yes if yes and (not no or t.r.random() < len(yes) / (len(yes) + len(no))) else no
        t.rows += part[:size]
        del part[:size]


def refund(t):
    p = t.r.uniform(.15, .9)
    t.add(lambda row: -round(t.r.lognormvariate(3, 1), 2) if t.yes(row) and t.r.random() < p else 0)


def copy(t):
    how = t.r.randrange(3)
    t.add(lambda row: ['gone' if t.yes(row) else 'here', 7 + 1000 * t.yes(row), int(t.yes(row) != (t.r.random() < .01))][how])


def twice(t):
    t.rows += [list(r) for r in t.r.sample(t.rows, int(t.r.uniform(.03, .3) * len(t.rows)))]
    t.r.shuffle(t.rows)


def date_after(t):
    p = t.r.uniform(.3, 1)
    t.head += ['joined', 'x']
    for row in t.rows:
        joined = dt.date(2020, 1, 1) + dt.timedelta(t.r.randrange(1000))
        last = joined + dt.timedelta(t.r.randrange((dt.date(2023, 1, 1) - joined).days))
        if t.yes(row) and t.r.random() < p:
            last = dt.date(2023, 1, 2) + dt.timedelta(t.r.randrange(60))
        row += [joined.isoformat(), last.isoformat()]


def encoding(t):
    groups = t.r.randint(20, 60)
    of = [t.r.randrange(groups) for _ in t.rows]
    n, s = [0] * groups, [0] * groups
    for g, row in zip(of, t.rows):
        n[g] += 1
        s[g] += t.yes(row)
    others, pull = t.r.random() < .3, t.r.uniform(0, 20)
    mean = sum(s) / len(t.rows)
    t.head += ['shop', 'x']
    for g, row in zip(of, t.rows):
        v = (s[g] - t.yes(row)) / max(1, n[g] - 1) if others else (s[g] + pull * mean) / (n[g] + pull)
        row += [f'shop {g}', round(v, 8)]


KINDS = [('1 too good', too_good, 'x'), ('2 filled afterwards', filled_after, 'x'), ('3 id by outcome', id_by_outcome, 'x'), ('4 row order', row_order, 'row order'),
         ('5 refund', refund, 'x'), ('6 copy', copy, 'x'), ('7 records twice', twice, 'repeated rows'), ('9 date after', date_after, 'x'), ('10 group mean', encoding, 'x')]

TABLES = [('telco', 'telco_churn/Telco-Customer-Churn.csv', 'Churn', 'Yes', ['customerID'], 7043), ('german', 'german_credit/german.csv', 'credit_risk', '2', [], 1000),
          ('bank', 'bank_marketing/bank-full.csv.gz', 'y', 'yes', ['duration'], 8000), ('adult', 'adult_income/adult_train.csv.gz', 'income', '>50K', [], 8000)]


def table(file, outcome, drop, most):
    head, rows = read(os.path.join(args.data, file))
    keep = [i for i, h in enumerate(head) if h not in drop]
    rows = [[r[i].strip() for i in keep] for r in rows]
    random.Random(1).shuffle(rows)
    return [head[i] for i in keep], rows[:most]


def planted():
    print(f"{'kind':22s}" + ''.join(f'{n:>14s}' for n, *_ in TABLES) + '   beside')
    made = {n: table(f, o, d, m) for n, f, o, y, d, m in TABLES}
    for kind, plant, want in KINDS:
        cells, beside = [], 0
        for name, file, outcome, yes, drop, most in TABLES:
            hit = 0
            for seed in range(args.seeds):
                t = Plant(*made[name], outcome, yes, sum(map(ord, kind + name)) * 100 + seed)
                plant(t)
                found = [l['column'] for l in probe(write('t.csv', t.head, t.rows), outcome, '--positive', yes)]
                hit += want in found
                beside += len(set(found) - {want})
            cells.append(f'{hit}/{args.seeds}')
        print(f'{kind:22s}' + ''.join(f'{c:>14s}' for c in cells) + f'   {beside}', flush=True)
    hit = 0
    for seed in range(args.seeds):
        hit += today(seed)
    print(f"{'8 value of today':22s}{hit:>12d}/{args.seeds} (predict stops with exit 3)", flush=True)


def today(seed):
    """A workspace whose customers' table has counts or dates of today that claim to have been known from the start."""
    r = random.Random(900 + seed)
    kind = seed % 3
    orders, customers, n_order = [], [], 0
    start = dt.datetime(2024, 1, 1)
    for c in range(1500):
        day, end, n, last, money = r.uniform(0, 350), 0, 0, None, 0
        gap, end = r.uniform(8, 70), day + r.expovariate(1 / 200)
        while day < min(end, 450):
            n_order, n = n_order + 1, n + 1
            last, amount = start + dt.timedelta(days=day), round(r.lognormvariate(3, .6), 2)
            money += amount
            orders.append([f'O{n_order}', f'C{c:05d}', last.strftime('%Y-%m-%dT%H:%M:%S'), amount])
            day += r.expovariate(1 / gap)
        if n:
            customers.append([f'C{c:05d}', r.choice('ABCDE'), [n, last.date().isoformat(), round(money, 2)][kind]])
    ws = os.path.join(TMP, f'today{seed}')
    o = write('orders.csv', ['order_id', 'customer', 'time', 'amount'], orders)
    c = write('customers.csv', ['customer', 'city', 'x'], customers)
    kequn('-C', ws, 'load', o, '--as', 'orders', '--customer', 'customer', '--time', 'time', '--amount', 'amount', '--id', 'order_id')
    kequn('-C', ws, 'load', c, '--as', 'customers', '--customer', 'customer', '--loaded-at', '2024-01-01')
    code, res = kequn('-C', ws, 'predict', '--event', 'orders', '--within', '45d', '--models', 'linear')
    ok = code == 3 and res['error']['where'] in ('x', 'days_since_x')
    if not ok:
        print('   ', seed, code, str(res)[:300])
    return ok


# --- clean tables ------------------------------------------------------------------------------------------------------------------
CLEAN = [('telco_churn', 'telco_churn/Telco-Customer-Churn.csv', 'Churn', [], []), ('german_credit', 'german_credit/german.csv', 'credit_risk', ['--positive', '2'], []),
         ('ifood_marketing', 'ifood_marketing/marketing_campaign.csv', 'Response', ['--drop', 'ID,Z_CostContact,Z_Revenue'], []),
         ('ifood_marketing with ID', 'ifood_marketing/marketing_campaign.csv', 'Response', ['--drop', 'Z_CostContact,Z_Revenue', '--id', 'ID'], []),
         ('iranian_churn', 'iranian_churn/iranian_churn.csv', 'Churn', [], ['repeated rows']),
         ('bank_marketing', 'bank_marketing/bank-full.csv.gz', 'y', ['--drop', 'duration'], []), ('  with duration', 'bank_marketing/bank-full.csv.gz', 'y', [], ['duration']),
         ('bank-additional', 'bank_marketing/bank-additional-full.csv.gz', 'y', ['--drop', 'duration'], []), ('  with duration', 'bank_marketing/bank-additional-full.csv.gz', 'y', [], ['duration']),
         ('adult_income', 'adult_income/adult_train.csv.gz', 'income', [], []), ('hillstrom visit', 'hillstrom/hillstrom.csv.gz', 'visit', ['--drop', 'conversion,spend'], []),
         ('hillstrom conversion', 'hillstrom/hillstrom.csv.gz', 'conversion', ['--drop', 'visit,spend'], []), ('hillstrom spend', 'hillstrom/hillstrom.csv.gz', 'spend', ['--drop', 'visit,conversion'], []),
         ('insurance_uplift', 'insurance_uplift/train.csv.gz', 'PURCHASE', ['--drop', 'UNIQUE_ID'], []), ('insurance with UNIQUE_ID', 'insurance_uplift/train.csv.gz', 'PURCHASE', ['--id', 'UNIQUE_ID'], []),
         ('cookie_cats retention_7', 'cookie_cats/cookie_cats.csv.gz', 'retention_7', ['--drop', 'retention_1', '--id', 'userid'], []),
         ('berka loan', 'berka_1993/labels.csv', 'loan_after_cutoff', ['--drop', 'card_after_cutoff,account_id'], []),
         ('berka card', 'berka_1993/labels.csv', 'card_after_cutoff', ['--drop', 'loan_after_cutoff,account_id'], []),
         ('wholesale Channel', 'wholesale_customers/*', 'Channel', ['--positive', '2'], []),
         ('pakdd2015_gender', 'pakdd2015_gender/sessions.csv.gz', 'gender', ['--positive', 'male'], ['session_id', 'row order'])]


def clean():
    false = 0
    for name, file, outcome, more, want in CLEAN:
        path = os.path.join(args.data, file)
        if file.endswith('*'):
            folder = os.path.dirname(path)
            path = os.path.join(folder, sorted(os.listdir(folder))[0])
        leaks = probe(path, outcome, *more)
        found = [l['column'] for l in leaks]
        wrong = [f for f in found if f not in want] + ['missed ' + w for w in want if w not in found]
        false += len([f for f in found if f not in want])
        show = '; '.join(f"{l['column']} ({l['kind']}, {fmt(l['auc_with'])} / {fmt(l['auc_without'])})" for l in leaks)
        print(f"{name:26s} {'' if not wrong else 'WRONG '}{show or '-'}", flush=True)
    head, rows = read(os.path.join(args.data, 'pakdd2015_gender/sessions.csv.gz'))
    random.Random(3).shuffle(rows)
    leaks = probe(write('shuffled.csv', head[1:], [r[1:] for r in rows]), 'gender', '--positive', 'male')
    false += len(leaks)
    print(f"{'pakdd shuffled, no id':26s} {'; '.join(l['column'] for l in leaks) or '-'}")
    print('false alarms:', false)


def fmt(v): return '-' if v is None else f'{v:.3f}'


# --- goals of workspaces -----------------------------------------------------------------------------------------------------------
def goals():
    d = args.data
    sets = [
        ('cdnow', [['cdnow/cdnow_master.csv.gz', '--as', 'orders']], [['--event', 'orders', '--within', '90d'], ['--sum', 'orders.amount', '--within', '90d']]),
        ('online_retail', [['online_retail/online_retail.csv.gz', '--as', 'orders']], [['--event', 'orders', '--within', '60d']]),
        ('complete_journey', [['complete_journey/transactions.csv.gz', '--as', 'orders'], ['complete_journey/demographics.csv', '--as', 'customers']], [['--event', 'orders', '--within', '7d', '--absent'], ['--sum', 'orders.amount', '--within', '28d']]),
        ('berka_1993', [['berka_1993/transactions.csv.gz', '--as', 'events']], [['--event', 'events', '--within', '14d']]),
        ('grocery_elog', [['grocery_elog/grocery_elog.csv', '--as', 'orders']], [['--event', 'orders', '--within', '90d']]),
    ]
    for name, loads, asks in sets:
        ws = os.path.join(TMP, name)
        for path, *more in loads:
            code, r = kequn('-C', ws, 'load', os.path.join(d, path), *more)
            if code:
                print(f'{name:20s} load {path}: {r["error"]["message"][:150]}')
        for ask in asks:
            code, r = kequn('-C', ws, 'predict', *ask, '--models', 'linear')
            print(f"{name:20s} {' '.join(ask):42s} exit {code} {[l['column'] for l in r['leaks']] if 'leaks' in r else str(r['error'])[:200]}", flush=True)


# --- speed -------------------------------------------------------------------------------------------------------------------------
def speed():
    r = random.Random(2)
    rows = []
    for i in range(100_000):
        x = [round(r.gauss(0, 1), 3) for _ in range(40)] + [f'c{r.randrange(12)}' for _ in range(10)]
        rows.append(x + ['yes' if r.random() < 1 / (1 + math.exp(1.5 - x[0] - x[1])) else 'no'])
    path = write('wide.csv', [f'n{i}' for i in range(40)] + [f'c{i}' for i in range(10)] + ['y'], rows)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    probe(path, 'y')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f'100,000 x 50: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.1f} CPU seconds, reading and five linear models included')


for part in (planted, clean, goals, speed):
    if args.only in ('', part.__name__):
        print('--', part.__name__)
        part()
