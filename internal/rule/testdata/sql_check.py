"""Runs the statements that TestSQLElsewhere wrote and compares their members with the referee's. DuckDB 1.4 or later: python3 sql_check.py FOLDER"""
import sys
import duckdb, json
c=duckdb.connect()
d = sys.argv[1].rstrip('/') + '/'
types={'customers':{'_customer':'VARCHAR','city':'VARCHAR','城市等级':'BIGINT','signup_date':'TIMESTAMP','birth_date':'TIMESTAMP','district_id':'VARCHAR','consent_email':'BOOLEAN','sms_ok':'VARCHAR'},
'events':{'_customer':'VARCHAR','_time':'TIMESTAMP','_known':'TIMESTAMP','_seq':'BIGINT','type':'VARCHAR','product_id':'VARCHAR','seconds':'DOUBLE'},
'orders':{'_customer':'VARCHAR','_time':'TIMESTAMP','_known':'TIMESTAMP','_seq':'BIGINT','order_id':'VARCHAR','sales_value':'DECIMAL(18,2)','Unit Price':'DECIMAL(18,2)','product_id':'VARCHAR','channel':'VARCHAR','gift':'BOOLEAN'}}
for t,ty in types.items():
    cols=", ".join(f'CAST(nullif("{k}",\'\') AS {v}) AS "{k}"' for k,v in ty.items())
    c.execute(f"create table {t} as select {cols} from read_csv('{d}{t}.csv', all_varchar=true, header=true)")
c.execute("create table products as select * from (values ('p1','GROCERY'),('p2','TOYS')) v(product_id,department)")
c.execute("create table districts as select * from (values ('d1','N')) v(district_id,region)")
bad=0
for r in json.load(open(d+'rules.json')):
    try:
        got=sorted(x[0] for x in c.execute(r['sql']).fetchall())
    except Exception as e:
        print("ERR",r['rule'],str(e)[:300]); bad+=1; continue
    if got!=r['members']:
        bad+=1; print("DIFF",r['rule'],len(got),len(r['members']),set(got)^set(r['members']))
print(duckdb.__version__, "rules",len(json.load(open(d+'rules.json'))),"bad",bad)
