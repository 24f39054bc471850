package source

import (
	"strings"

	"kequn"
)

// Reason is why a row was rejected, or what is odd about one that was kept. It is a stable word for programs; Words has
// it for people.
type Reason string

// Why a row is rejected.
const (
	TooFewFields    Reason = "too_few_fields"
	TooManyFields   Reason = "too_many_fields"
	BadQuote        Reason = "bad_quote"
	OpenQuote       Reason = "open_quote"
	FieldTooLong    Reason = "field_too_long"
	NULByte         Reason = "nul_byte"
	ControlByte     Reason = "control_byte"
	BadEncoding     Reason = "bad_encoding"
	MissingCustomer Reason = "missing_customer"
	MissingID       Reason = "missing_id"
	MissingKey      Reason = "missing_key"
	MissingTime     Reason = "missing_time"
	BadTime         Reason = "bad_time"
	NoSuchDate      Reason = "no_such_date"
	TimeOutOfRange  Reason = "time_out_of_range"
	FarFuture       Reason = "time_in_the_far_future"
	BadNumber       Reason = "bad_number"
	NotWhole        Reason = "not_a_whole_number"
	NotANumber      Reason = "nan"
	Infinite        Reason = "infinite"
	NumberOverflow  Reason = "overflow"
	AmbiguousNumber Reason = "ambiguous_separators"
	BadBool         Reason = "not_a_boolean"
	BadCurrency     Reason = "unknown_currency"
	NotJSON         Reason = "not_json"
	NotObject       Reason = "not_an_object"
	TooDeep         Reason = "nested_too_deep"
	FieldTwice      Reason = "field_twice"
	NotComputed     Reason = "formula_without_value"
)

// What is odd about a row that is kept. Numbers and times that are out of bounds are among it where the column is an
// attribute: they become missing.
const (
	Unreadable     Reason = "unreadable_attribute" // kept as missing
	NoZone         Reason = "no_time_zone"
	FutureBirth    Reason = "birth_in_the_future"
	OldAge         Reason = "age_over_120"
	BrokenMail     Reason = "broken_email"
	NegativeAmount Reason = "negative_amount"
	ZeroAmount     Reason = "zero_amount"
	MissingAmount  Reason = "missing_amount"
	Rounded        Reason = "amount_rounded"
	SecondCurrency Reason = "second_currency"
	KnownBefore    Reason = "known_before_it_happened"
	LateField      Reason = "field_not_in_the_first_rows" // left out: the columns were settled without it
	OutsideTable   Reason = "outside_the_table"           // a cell beyond the header's columns, left out
)

var reasonWords = map[Reason][2]string{ // looked up only
	TooFewFields:    {"字段太少", "too few fields"},
	TooManyFields:   {"字段太多", "too many fields"},
	BadQuote:        {"引号后还有文字", "text follows a closing quote"},
	OpenQuote:       {"引号没有闭合", "a quote opens and does not close"},
	FieldTooLong:    {"字段过长", "a field is longer than the limit"},
	NULByte:         {"含有空字节 NUL", "holds a NUL byte"},
	ControlByte:     {"含有控制字符", "holds a control byte"},
	BadEncoding:     {"编码无效", "holds bytes that are invalid in the file's encoding"},
	MissingCustomer: {"缺少客户", "the customer is missing"},
	MissingID:       {"缺少行编号", "the id is missing"},
	MissingKey:      {"缺少主键", "the key is missing"},
	MissingTime:     {"缺少时间", "the time is missing"},
	BadTime:         {"不是时间", "not a time"},
	NoSuchDate:      {"日期不存在", "no such date"},
	TimeOutOfRange:  {"时间超出范围", "the time is out of range"},
	FarFuture:       {"时间在遥远的未来", "the time is in the far future"},
	BadNumber:       {"不是数字", "not a number"},
	NotWhole:        {"不是整数", "not a whole number"},
	NotANumber:      {"数值为 NaN", "the number is NaN"},
	Infinite:        {"数值为无穷大", "the number is infinite"},
	NumberOverflow:  {"数值溢出", "the number is too large"},
	AmbiguousNumber: {"千分位或小数点有歧义", "thousands and decimal separators are ambiguous"},
	BadBool:         {"不是布尔值", "neither yes nor no"},
	BadCurrency:     {"未知的货币代码", "not an ISO 4217 currency code"},
	Unreadable:      {"属性值无法识别，按缺失处理", "the attribute cannot be read and is kept as missing"},
	NoZone:          {"时间没有时区，按默认时区处理", "the time has no zone; the default was applied"},
	FutureBirth:     {"出生日期在未来", "the birth date is in the future"},
	OldAge:          {"年龄超过 120 岁", "the age is over 120"},
	BrokenMail:      {"邮箱格式错误", "the e-mail address is broken"},
	NegativeAmount:  {"负金额：按退款处理", "a negative amount: a refund"},
	ZeroAmount:      {"金额为零", "the amount is zero"},
	MissingAmount:   {"缺少金额", "the amount is missing"},
	Rounded:         {"金额已四舍五入", "the amount was rounded"},
	SecondCurrency:  {"第二种货币：不会合计", "a second currency, never summed with the first"},
	NotJSON:         {"不是有效的 JSON", "not valid JSON"},
	NotObject:       {"不是 JSON 对象", "a JSON value that is no object"},
	TooDeep:         {"嵌套过深", "nested too deeply"},
	FieldTwice:      {"同一字段出现两次", "a field is there twice"},
	NotComputed:     {"公式没有保存结果", "a formula without a saved result"},
	LateField:       {"开头的行里没有的字段，未读入", "a field that the first rows do not have; it is left out"},
	OutsideTable:    {"表格各列以外的单元格，未读入", "a cell outside the table's columns; it is left out"},
	KnownBefore:     {"入库时间早于发生时间", "recorded before it happened"},
}

// Words returns the reason for people, or the code itself if it is not known.
func (r Reason) Words(lang kequn.Lang) string {
	if w, ok := reasonWords[r]; ok {
		return lang.Pick(w[0], w[1])
	}
	return string(r)
}

// Reject is a record that was refused.
type Reject struct {
	Line   int64  // where the record starts: physical line, from 1; in Parquet the row, from 1
	Record int64  // number of the record among all that were read, from 1; the header and blank lines do not count
	Reason Reason // the first thing found wrong
	Column string // where, or "" if the whole record
	Raw    []byte // the record as it stands in the file, in UTF-8 and without its line end; valid during the call only
}

// Tally counts the rows of one reason and column.
type Tally struct {
	Reason Reason
	Column string
	Rows   int64
	Line   int64 // of the first such row
}

// FieldRows counts the rows that have a field.
type FieldRows struct {
	Name string
	Rows int64
}

// maxNewFields bounds the fields that are named. Objects with keys that are data have no end of them.
const maxNewFields = 32

// addField counts rows with a field.
func addField(list []FieldRows, name string, rows int64) []FieldRows {
	for i := range list {
		if list[i].Name == name {
			list[i].Rows += rows
			return list
		}
	}
	if len(list) == maxNewFields {
		return list
	}
	return append(list, FieldRows{strings.Clone(name), rows})
}

// CurrencyRows counts the rows of one currency.
type CurrencyRows struct {
	Code string
	Rows int64
}

// Counts is what became of a file's records: Read = Kept + Rejected, exactly.
type Counts struct {
	Read, Kept, Rejected int64
	Blank                int64          // blank lines, not records
	Reasons              []Tally        // why rows were rejected: by schema column, then by reason; sums to Rejected
	Warnings             []Tally        // oddities of rows that were kept, in the same order
	Currencies           []CurrencyRows // of kept rows, most frequent first
	NewFields            []FieldRows    // of JSON: what the first rows do not have, by first appearance; at most maxNewFields
	SHA256               [32]byte       // of the file as stored: of exactly the bytes that were read
}
