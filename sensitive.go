package kequn

import (
	"slices"
	"strings"
	"unicode"
)

// sensitiveWords are words of names of attributes that must not decide about people unless somebody asks for it.
var sensitiveWords = strings.Fields(`gender sex age ages birth birthday birthdate birthyear yearbirth dob dateofbirth agegroup ageband agerange ageyears
	race ethnicity ethnic nationality citizenship religion religious faith marital maritalstatus married marriage
	pregnant pregnancy disability disabilities disabled health diagnosis diagnoses orientation political criminal
	seniorcitizen nativecountry countryofbirth foreignworker personalstatus personalstatussex tradeunion labourunion laborunion unionmember unionmembership`)

// sensitiveParts are the same in Chinese, which does not part words.
var sensitiveParts = strings.Fields(`性别 年龄 生日 出生 民族 种族 国籍 宗教 信仰 婚姻 婚否 已婚 怀孕 残疾 健康 病史 政治 性取向`)

// agedThings are words that say whose age it is, where it is not a person's: an account's, a car's.
var agedThings = strings.Fields(`account tenure contract policy membership vehicle car house home building device phone handset card loan page cookie subscription`)

// LooksSensitive tells whether a column's name says that it is about something that must not decide about people unless asked for:
// gender, age, ethnicity, religion, family, health …, in English or Chinese. birth_date, birthDate and "Date of Birth" are alike.
// It is a guess from the name alone.
func LooksSensitive(name string) bool {
	words := NameWords(name)
	for _, w := range words {
		switch {
		case !slices.Contains(sensitiveWords, w):
		case w == "age" && slices.ContainsFunc(words, func(o string) bool { return slices.Contains(agedThings, o) }):
		default:
			return true
		}
	}
	// Names of two or three words, written together or apart.
	if joined := strings.Join(words, ""); len(words) > 1 && slices.Contains(sensitiveWords, joined) {
		return true
	}
	return slices.ContainsFunc(sensitiveParts, func(p string) bool { return strings.Contains(name, p) })
}

// NameWords cuts birth_date, birthDate and "Birth date" into birth and date.
func NameWords(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = word[:0]
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r):
			end()
		case unicode.IsUpper(r) && lower:
			end()
			word = append(word, r)
		default:
			word = append(word, r)
		}
		lower = unicode.IsLower(r)
	}
	end()
	return out
}
