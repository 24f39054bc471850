package source

import (
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"kequn"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// summary prints a proposal as role: column=role, leaving out what is mere attribute.
func summary(p *Proposal) string {
	out := string(p.Role) + ":"
	for _, c := range p.Columns {
		switch c.Role {
		case kequn.ColAttribute, kequn.ColCategory, kequn.ColText:
		default:
			out += fmt.Sprintf(" %s=%s", c.Name, c.Role)
		}
	}
	for _, m := range p.Missing {
		out += " no " + string(m)
	}
	return out
}

func TestProposeSharedData(t *testing.T) {
	root := sharedData(t)
	for path, want := range map[string]string{
		"complete_journey/transactions.csv.gz":       "orders: household_id=customer basket_id=order product_id=item quantity=quantity sales_value=amount retail_disc=discount coupon_disc=discount coupon_match_disc=discount transaction_timestamp=time",
		"complete_journey/products.csv.gz":           "lookup: product_id=key",
		"complete_journey/demographics.csv":          "customers: household_id=customer",
		"complete_journey/campaigns.csv":             "sends: campaign_id=campaign household_id=customer no time",
		"complete_journey/campaign_descriptions.csv": "lookup: campaign_id=key",
		"complete_journey/coupon_redemptions.csv":    "events: household_id=customer coupon_upc=item campaign_id=campaign redemption_date=time",
		"online_retail/online_retail.csv.gz":         "orders: InvoiceNo=order StockCode=item Quantity=quantity InvoiceDate=time UnitPrice=price CustomerID=customer amount=amount",
		"cdnow/cdnow_master.csv.gz":                  "orders: customer_id=customer date=time quantity=quantity amount=amount",
		"grocery_elog/grocery_elog.csv":              "events: cust=customer date=time",
		"berka_1993/transactions.csv.gz":             "events: trans_id=id account_id=customer date=time type=type amount=amount",
		"berka_1993/clients.csv":                     "customers: client_id=customer birth_date=birth",
		"berka_1993/labels.csv":                      "customers: account_id=customer birth_date=birth",
		"hillstrom/hillstrom.csv.gz":                 "customers: no customer",
		"telco_churn/Telco-Customer-Churn.csv":       "customers: customerID=customer",
		"ifood_marketing/marketing_campaign.csv":     "customers: ID=customer",
		"movielens_100k/ratings.csv.gz":              "events: user_id=customer item_id=item timestamp=time",
		"movielens_100k/users.csv":                   "customers: user_id=customer",
		"synthetic_online_shop/ab_test_demo.csv.gz":  "events: user_id=customer event=type timestamp=time transaction_value=amount",
		"diginetica_sample/purchases.csv":            "orders: session_id=customer eventdate=time ordernumber=order item_id=item",
	} {
		f, err := Open(filepath.Join(root, path), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := f.Propose(Overrides{})
		f.Close()
		if err != nil {
			t.Error(err)
		} else if got := summary(p); got != want {
			t.Errorf("%s\n got %s\nwant %s", path, got, want)
		}
	}
}

func TestProposeMadeUp(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"customers.csv", "customer_id,name,email,phone,gender,birth_date,city,signup_at,consent_email,consent_sms\n" +
			"C1,李娜,a@b.cn,13800138000,F,1980-01-02,上海,2020-01-02,true,false\nC2,Ann Lee,c@d.de,13800138001,M,1990-01-02,北京,2021-01-02,false,true\n" +
			"C3,O'Neill,e@f.de,13800138002,U,1970-01-02,北京,2021-03-02,false,true\n",
			"customers: customer_id=customer name=name email=email phone=phone birth_date=birth consent_email=consent consent_sms=consent"},
		{"orders.csv", "order_id,customer_id,ordered_at,recorded_at,product_id,category,amount,discount,quantity,channel\n" +
			"O1,C1,2024-01-01 10:00:00,2024-01-01 10:00:05,P1,shoes,19.90,0.00,1,web\nO2,C1,2024-01-02 10:00:00,2024-01-02 10:00:05,P2,tea,9.90,1.00,2,app\n" +
			"O3,C2,2024-01-03 10:00:00,2024-01-03 10:00:05,P1,shoes,-19.90,0.00,1,web\n",
			"orders: order_id=id customer_id=customer ordered_at=time recorded_at=known_at product_id=item amount=amount discount=discount quantity=quantity"},
		{"sends.csv", "customer_id,sent_at,campaign,arm\nC1,2024-01-01,spring,control\nC2,2024-01-01,spring,coupon\nC1,2024-02-01,summer,coupon\n",
			"sends: customer_id=customer sent_at=time campaign=campaign arm=arm"},
		{"events.csv", "event_id,customer_id,ts,type,product_id,session_id\n1,C1,2024-01-01T10:00:00Z,view,P1,S1\n2,C1,2024-01-01T10:01:00Z,cart,P1,S1\n3,C2,2024-01-01T11:00:00Z,view,P2,S2\n",
			"events: event_id=id customer_id=customer ts=time type=type product_id=item"},
		{"会员.csv", "会员号,姓名,手机号,性别,出生日期,城市\n001,李娜,13800138000,女,1980年1月2日,上海\n002,王芳,13800138001,女,1990年12月30日,北京\n",
			"customers: 会员号=customer 姓名=name 手机号=phone 出生日期=birth"},
		{"订单.csv", "订单编号,客户编号,下单时间,商品编号,数量,单价,渠道\nA1,001,2024/1/2 8:05,P1,2,¥19.90,网店\nA1,001,2024/1/2 8:05,P2,1,¥5.00,网店\nA2,002,2024/1/3 9:10,P1,1,¥19.90,门店\n",
			"orders: 订单编号=order 客户编号=customer 下单时间=time 商品编号=item 数量=quantity 单价=price amount=amount"},
		{"订单.csv", "客户编号,下单时间,金额\n001,2024-01-02,10.5\n001,2024-02-02,11.5\n002,2024-01-05,3\n", "orders: 客户编号=customer 下单时间=time 金额=amount"},
		{"x.csv", "a,b\n1,2\n3,4\n", "customers: no customer"},
	} {
		f, err := Open(write(t, c.name, c.text), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := f.Propose(Overrides{})
		if err != nil {
			t.Error(err)
		} else if got := summary(p); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
		counts, err := f.Read(context.Background(), p.Columns, nil, func(r Reject) error {
			t.Errorf("%s rejects %s", c.name, r.Reason)
			return nil
		})
		if err != nil || counts.Kept != counts.Read {
			t.Errorf("%s: %+v %v", c.name, counts, err)
		}
		f.Close()
	}
}

func TestOverrides(t *testing.T) {
	path := write(t, "x.csv", "who,when,how_many,each,campaign_id\nA,2024-01-01,2,1.25,1\nB,2024-01-02,3,2.50,2\n")
	f, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := f.Propose(Overrides{As: kequn.Orders, Customer: "who", Time: "when", Amount: "how_many*each"})
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(p); got != "orders: who=customer when=time campaign_id=campaign amount=amount" || p.Problem() != nil {
		t.Errorf("%s, %v", got, p.Problem())
	}
	var amounts []int64
	if _, err := f.Read(context.Background(), p.Columns, func(b *Batch) error {
		amounts = append(amounts, b.Table.Column("amount").Int...)
		return nil
	}, nil); err != nil || fmt.Sprint(amounts) != "[250 750]" {
		t.Errorf("amounts %v, %v", amounts, err)
	}
	p, err = f.Propose(Overrides{As: kequn.Sends, Customer: "who", Time: "campaign_id.start_date"})
	if err != nil || p.Column(kequn.ColTime).From != "campaign_id.start_date" {
		t.Errorf("%v, %v", p, err)
	}
	for _, o := range []Overrides{{Customer: "whom"}, {Time: "nope.start"}, {Amount: "how_many*price"}, {Customer: "who", ID: "who"}, {As: "people"}} {
		if _, err := f.Propose(o); err == nil {
			t.Errorf("%+v was accepted", o)
		} else if o.Customer == "whom" {
			var hint string
			if e, ok := err.(*kequn.Error); ok {
				hint = e.Hint
			}
			if !strings.Contains(err.Error(), `no column "whom"`) || !strings.Contains(hint, "did you mean who?") || !strings.Contains(hint, "each") {
				t.Errorf("%v; hint %q", err, hint)
			}
		}
	}
	if p, err := f.Propose(Overrides{As: kequn.Customers}); err != nil || p.Problem() == nil || kequn.ExitCode(p.Problem()) != 3 {
		t.Errorf("no customer, no problem: %v", err)
	}
}

func TestEncodings(t *testing.T) {
	text := "客户编号,姓名,城市\nC1,李娜,上海\nC2,王芳,北京\nC3,Søren,São Paulo\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	wide := func(big bool) string {
		var b []byte
		for _, u := range append([]uint16{0xFEFF}, utf16.Encode([]rune(text))...) {
			if big {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
	late := "id,city\n" + strings.Repeat("C1,Berlin\n", 600_000)
	for name, c := range map[string]struct {
		text, encoding, want string
	}{
		"utf-8":       {text, "utf-8", text},
		"with mark":   {"\ufeff" + text, "utf-8", text},
		"gb18030":     {gb, "gb18030", text},
		"utf-16le":    {wide(false), "utf-16le", text},
		"utf-16be":    {wide(true), "utf-16be", text},
		"late utf-8":  {late + "C2,北京\n", "utf-8", late + "C2,北京\n"},
		"late gb":     {late + "C2,\xb1\xb1\xbe\xa9\n", "utf-8", late + "C2,北京\n"},
		"two letters": {"id,name\n1,Mar\xa8\xaaa Jos\xa8\xa6\n", "gb18030", "id,name\n1,María José\n"},
	} {
		cells, rejects, _, err := asText(t, write(t, "x.csv", c.text), Options{}, 0)
		if err != nil || len(rejects) > 0 {
			t.Errorf("%s: %v %v", name, rejects, err)
			continue
		}
		var b strings.Builder
		b.WriteString(strings.Join(cells[0], ",") + "\n")
		for _, row := range cells[1:] {
			b.WriteString(strings.Join(row[:len(row)-1], ",") + "\n")
		}
		if b.String() != c.want {
			t.Errorf("%s reads differently", name)
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"latin-1":   {"id,name\n1,Jos\xe9 Mart\xedn\n2,Andr\xe9 M\xfcller\n3,Fran\xe7ois\n4,S\xf8ren\n", "WINDOWS-1252"},
		"shift-jis": {"id,name\n1,\x93\xfa\x96{\x8c\xea\x83e\x83X\x83g\n2,\x95\xb6\x8e\x9a\x82\xb1\x82\xf1\n", "SHIFT_JIS"},
	} {
		_, _, _, err := asText(t, write(t, "x.csv", c.text), Options{}, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cells, _, _, err := asText(t, write(t, "x.csv", "id,name\n1,Jos\xe9 Mart\xedn\n"), Options{Encoding: "latin1"}, 0)
	if err != nil || cells[1][1] != "José Martín" {
		t.Errorf("as told: %q %v", cells, err)
	}
	// A surrogate without its partner costs its row.
	var lone []byte
	for _, u := range utf16.Encode([]rune("id,name\n1,a\n2,b\n")) {
		lone = append(lone, byte(u), byte(u>>8))
	}
	i := strings.LastIndex(string(lone), "a\x00")
	lone[i], lone[i+1] = 0x00, 0xD8
	_, rejects, counts, err := asText(t, write(t, "x.csv", "\xff\xfe"+string(lone)), Options{}, 0)
	if err != nil || fmt.Sprint(rejects) != "[2:bad_encoding]" || counts.Kept != 1 {
		t.Errorf("lone surrogate: %v %+v %v", rejects, counts, err)
	}
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	zip := func(name string, n int) string {
		path := filepath.Join(dir, name)
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := gzip.NewWriter(out)
		w.Write([]byte("customer_id,name\n"))
		block := []byte(strings.Repeat("C1,aaaaaaaaaaaaaaaaaaaaaaaa\n", 10_000))
		for range n {
			w.Write(block)
		}
		w.Close()
		out.Close()
		return path
	}
	for name, c := range map[string]struct {
		path, want string
		limits     Limits
	}{
		"bomb":           {zip("bomb.csv.gz", 400), "it looks like a bomb", Limits{RatioFrom: 16 << 20}},
		"unpacked":       {zip("large.csv.gz", 40), "the limit", Limits{Unpacked: 8 << 20}},
		"line":           {write(t, "line.csv", "id,name\nC1,"+strings.Repeat("a", 3<<20)+"\nC2,b\n"), "line 2: the record is longer than", Limits{}},
		"header line":    {write(t, "head.csv", "id"+strings.Repeat("a", 9<<20)+"\n"), "line 1: the record is longer than", Limits{}},
		"columns":        {write(t, "wide.csv", strings.Repeat("c,", 10_000)+"c\n"), "10001 columns; the limit is 4096", Limits{}},
		"million":        {write(t, "wide6.csv", strings.Repeat("c12345,", 1_000_000)+"c\n"), "more than 4096 columns", Limits{}},
		"quote":          {write(t, "quote.csv", "id,name\nC1,\"open\n"+strings.Repeat("C2,b\n", 2000)+"C3,\"c\"\n"), "line 2: a quote opens here", Limits{}},
		"quote, 5 MB":    {write(t, "quote5.csv", "id,name\nC1,\"open\n"+strings.Repeat("C2,b\n", 1_000_000)), "line 2: a quote opens here", Limits{}},
		"not gzip":       {write(t, "x.csv.gz", "\x1f\x8b rubbish that is no gzip"), "cannot be unpacked", Limits{}},
		"gzip cut off":   {write(t, "y.csv.gz", string(must(os.ReadFile(zip("z.csv.gz", 40)))[:5000])), "ends in the middle", Limits{}},
		"binary":         {write(t, "b.csv", "\x01\x02\x03\x04\x05\x06\x00\x00\x07\x08"), "binary data", Limits{}},
		"blank":          {write(t, "blank.csv", "\n \n\n"), "nothing but blank lines", Limits{}},
		"missing file":   {filepath.Join(dir, "absent.csv"), "no such file", Limits{}},
		"folder":         {dir, "is a folder", Limits{}},
		"packed parquet": {write(t, "p.csv", "PAR1 and then nothing of the kind"), "does not end as Parquet does", Limits{}},
	} {
		start := time.Now()
		_, _, _, err := asText(t, c.path, Options{Limits: c.limits}, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) || kequn.KindOf(err) != kequn.KindInput {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	// A field that is too long costs its row only.
	_, rejects, counts, err := asText(t, write(t, "field.csv", "id,name\nC1,"+strings.Repeat("a", 70_000)+"\nC2,b\n"), Options{}, 0)
	if err != nil || fmt.Sprint(rejects) != "[2:field_too_long]" || counts.Kept != 1 {
		t.Errorf("field: %v %+v %v", rejects, counts, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFlat(t *testing.T) {
	path := write(t, "x.csv", "id,age,score,when,answer,code,note\n1,30,1.5,2020-01-01,yes,007,a\n2,?,NaN,2020-02-30,no,008,b\n3,31\n4,,inf,2020-03-01,yes,,\n")
	out, info, err := ReadFlat(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, c := range out.Columns {
		kinds = append(kinds, c.Name+"="+c.Kind.String())
	}
	if got := strings.Join(kinds, " "); got != "id=number age=number score=number when=category answer=category code=category note=category" {
		t.Error(got)
	}
	if out.NRows() != 3 || fmt.Sprint(info.Row) != "[0 1 3]" || info.Counts.Rejected != 1 || !out.Column("age").IsMissing(1) {
		t.Errorf("%d rows, %v, %+v", out.NRows(), info.Row, info.Counts)
	}
	// A number column that turns out to hold a word in row 20,001 is a category from the first row on; a column of the
	// sample's nothing may still be numbers.
	var b strings.Builder
	b.WriteString("x,late\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "%d,\n", i%7)
	}
	b.WriteString("unknown,5\n")
	out, _, err = ReadFlat(context.Background(), write(t, "y.csv", b.String()), Options{})
	if err != nil || out.Columns[0].Kind != table.Category || out.Columns[0].String(8) != "1" || out.Columns[1].Kind != table.Number || out.Columns[1].Num[20_000] != 5 {
		t.Errorf("%v %v", out, err)
	}
}

func TestFlatSharedData(t *testing.T) {
	root := sharedData(t)
	for _, c := range []struct {
		path          string
		rows, columns int
		number        string
		missing       int
	}{
		{"bank_marketing/bank-full.csv.gz", 45211, 17, "balance", 0},
		{"telco_churn/Telco-Customer-Churn.csv", 7043, 21, "TotalCharges", 11},
		{"adult_income/adult_train.csv.gz", 32561, 15, "fnlwgt", 0},
		{"insurance_uplift/train.csv.gz", 10000, 70, "PURCHASE", 0},
		{"ifood_marketing/marketing_campaign.csv", 2240, 29, "Income", 24},
		{"hillstrom/hillstrom.csv.gz", 64000, 12, "spend", 0},
	} {
		out, info, err := ReadFlat(context.Background(), filepath.Join(root, c.path), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		column := out.Column(c.number)
		if out.NRows() != c.rows || len(out.Columns) != c.columns || info.Row != nil || column.Kind != table.Number {
			t.Errorf("%s: %d×%d, %s is %s", c.path, out.NRows(), len(out.Columns), c.number, column.Kind)
			continue
		}
		n := 0
		for i := range column.Num {
			if column.IsMissing(i) {
				n++
			}
		}
		if n != c.missing {
			t.Errorf("%s: %d missing, want %d", c.path, n, c.missing)
		}
	}
}

// TestThreads reads online_retail with one thread and with several; rows, rejects and counts must be the same.
func TestThreads(t *testing.T) {
	path := filepath.Join(sharedData(t, "online_retail"), "online_retail.csv.gz")
	var first string
	for _, threads := range []int{1, 2, 5} {
		f, err := Open(path, Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		p, err := f.Propose(Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		var sum, rejects uint64
		counts, err := f.Read(context.Background(), p.Columns, func(b *Batch) error {
			for i, line := range b.Line {
				sum = sum*31 + uint64(line) + uint64(b.Record[i])
				for _, c := range b.Table.Columns {
					if c.Kind.InInt() {
						sum = sum*31 + uint64(c.Int[i])
					} else if c.Kind.InCode() {
						for _, ch := range []byte(c.String(i)) {
							sum = sum*31 + uint64(ch)
						}
					}
				}
			}
			return nil
		}, func(r Reject) error {
			rejects = rejects*31 + uint64(r.Line) + uint64(len(r.Raw))
			return nil
		})
		f.Close()
		if err != nil || counts.Read != 541909 || counts.Rejected != 135080 {
			t.Fatalf("%+v %v", counts, err)
		}
		got := fmt.Sprint(sum, rejects, counts)
		if first == "" {
			first = got
		} else if got != first {
			t.Errorf("%d threads: %s, one: %s", threads, got, first)
		}
	}
}

func TestCancelAndErrors(t *testing.T) {
	path := write(t, "x.csv", "id,name\n"+strings.Repeat("C1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 300_000))
	f, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	schema := []Column{{Name: "id", Kind: table.Text, Role: kequn.ColCustomer}}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := f.Read(ctx, schema, func(*Batch) error { cancel(); return nil }, nil); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	stop := fmt.Errorf("enough")
	if _, err := f.Read(context.Background(), schema, func(*Batch) error { return stop }, nil); err != stop {
		t.Errorf("stopped: %v", err)
	}
	if _, err := f.Read(context.Background(), []Column{{Name: "nam"}}, nil, nil); err == nil || !strings.Contains(err.Error(), `no column "nam"`) {
		t.Errorf("unknown column: %v", err)
	}
}

// Infinities and numbers beyond float64 do not make words of a column of numbers: they become missing, and are counted.
func TestFlatNumbersBeyond(t *testing.T) {
	out, info, err := ReadFlat(context.Background(), write(t, "z.csv", "a,big,signed\n1,1e400,inf\n2,5,3\n3,6,-Inf\n4,7,1\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for j, missing := range map[int][]int{1: {0}, 2: {0, 2}} {
		c := out.Columns[j]
		if c.Kind != table.Number {
			t.Errorf("%s is %s", c.Name, c.Kind)
			continue
		}
		for i := range c.Len() {
			if c.IsMissing(i) != slices.Contains(missing, i) {
				t.Errorf("%s: row %d is %v", c.Name, i, c.Num[i])
			}
		}
	}
	if len(info.Counts.Warnings) != 2 || info.Counts.Warnings[0].Rows != 1 || info.Counts.Warnings[1].Rows != 2 {
		t.Errorf("warnings %+v", info.Counts.Warnings)
	}
}

// Times beyond any calendar are no words either: they stay missing, and reading ends.
func TestFlatUnreadableTimes(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "data", "badinput", "parquet-testing-odd", "int96_from_spark.parquet")
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data is absent")
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	out, _, err := ReadFlat(ctx, path, Options{})
	if err != nil || out.NRows() != 6 {
		t.Errorf("%v, %d rows", err, out.NRows())
	}
}

// Sentences are text, also few of them and in Chinese; codes are a category while they repeat, and no free text when they do not.
func TestFlatTextOrCodes(t *testing.T) {
	var b strings.Builder
	b.WriteString("review,评论,plan,sku,ticket,name\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "the parcel number %d came late again,第%d次买了，质量还是很好,%s,SKU-%d,T%06d,Jane Doe%d\n", i%3000, i%1500, []string{"paid by bank transfer every month", "paid by card once a year"}[i%2], i%1900, i, i)
	}
	out, _, err := ReadFlat(context.Background(), write(t, "r.csv", b.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"review": "text true", "评论": "text true", "plan": "category false", "sku": "category false", "ticket": "text false", "name": "text false"}
	for _, c := range out.Columns {
		prose := c.Kind == table.Text && ngram.ProseOf(c.Dict)
		if got := fmt.Sprintf("%s %v", c.Kind, prose); got != want[c.Name] {
			t.Errorf("%s is %s, want %s", c.Name, got, want[c.Name])
		}
	}
}
