package source

import (
	"bytes"
)

// isMissingWord tells whether a trimmed value stands for nothing. NaN is not among them: whether it does depends on the
// column.
func isMissingWord(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 2, 3, 4, 6:
		switch string(b) {
		case "NA", `\N`, "N/A", "n/a", "NULL", "null", "Null", "#N/A", "(null)", "<null>":
			return true
		}
	}
	return false
}

// isNoName is isMissingWord for names, where only a database's own mark is nothing: people are called Null.
func isNoName(b []byte) bool { return len(b) == 0 || string(b) == `\N` }

// parseBool reads a yes or no in the words of databases, programs and people.
func parseBool(b []byte) (v, ok bool) {
	if len(b) == 0 || len(b) > 9 {
		return false, false
	}
	var low [9]byte
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	switch string(low[:len(b)]) {
	case "1", "t", "true", "y", "yes", "on", "1.0", "是", "有", "真", "同意":
		return true, true
	case "0", "f", "false", "n", "no", "off", "0.0", "否", "无", "假", "不同意":
		return false, true
	}
	return false, false
}

// looksLikeMail tells whether b could be an e-mail address: something, one @, a domain with a dot, no spaces.
func looksLikeMail(b []byte) bool {
	at := bytes.IndexByte(b, '@')
	if at < 1 || len(b) > 254 || bytes.LastIndexByte(b, '@') != at {
		return false
	}
	domain := b[at+1:]
	dot := bytes.LastIndexByte(domain, '.')
	return dot > 0 && dot < len(domain)-1 && !bytes.ContainsAny(b, " \t\r\n,;<>()") && !bytes.Contains(domain, []byte(".."))
}

// looksLikePhone tells whether b is 7 to 15 digits with the usual signs between them.
func looksLikePhone(b []byte) bool {
	digits := 0
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '+' && i == 0, c == '-', c == ' ', c == '(', c == ')', c == '.', c == '/':
		default:
			return false
		}
	}
	return digits >= 7 && digits <= 15
}

// iso4217 lists the currency codes in use, precious metals and testing codes left out.
// Source: ISO 4217 list one, with the recent ones BGN, HRK and SLL kept for older data.
const iso4217 = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF " +
	"CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG " +
	"HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU " +
	"MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP " +
	"SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD " +
	"XCG XOF XPF YER ZAR ZMW ZWG ZWL"

var currencies = func() (set [26 * 26 * 26]bool) {
	for i := 0; i+3 <= len(iso4217); i += 4 {
		set[currencyIndex([]byte(iso4217[i:i+3]))] = true
	}
	return set
}()

func currencyIndex(b []byte) int {
	if len(b) != 3 {
		return -1
	}
	n := 0
	for _, c := range b {
		c -= 'A'
		if c > 25 {
			return -1
		}
		n = n*26 + int(c)
	}
	return n
}

// isCurrency tells whether b is an ISO 4217 code in capitals.
func isCurrency(b []byte) bool {
	i := currencyIndex(b)
	return i >= 0 && currencies[i]
}
