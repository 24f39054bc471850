# Reads one part with pyarrow 26.0.1 and prints its columns, kinds and rows.
# usage: python read_part.py FILE [KEY_HEX AAD_PREFIX]
import sys
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

props = None
if len(sys.argv) > 2:
    props = pe.create_decryption_properties(bytes.fromhex(sys.argv[2]), aad_prefix=sys.argv[3].encode())
table = pq.read_table(sys.argv[1], decryption_properties=props)
for field in table.schema:
    print(field.name, field.type)
for row in table.to_pylist():
    print(" ".join(str(v) for v in row.values()))
