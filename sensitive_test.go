package kequn

import "testing"

func TestLooksSensitive(t *testing.T) {
	for name, want := range map[string]bool{
		"sex": true, "Gender": true, "AGE": true, "age_group": true, "ageGroup": true, "agegroup": true, "Age (years)": true, "customer_age": true,
		"birth_date": true, "BirthDate": true, "Year_Birth": true, "dob": true, "marital": true, "marital-status": true, "Marital_Status": true,
		"race": true, "native-country": true, "foreign_worker": true, "personal_status_sex": true, "SeniorCitizen": true, "is_pregnant": true,
		"性别": true, "客户年龄": true, "出生日期": true, "婚姻状况": true, "trade_union": true,
		"page": false, "usage": false, "average": false, "message": false, "sexton": false, "account_age": false, "vehicle_age_days": false,
		"union_id": false, "unionid": false, "third_party": false, "party_size": false, "city": false, "income": false, "城市": false, "": false,
	} {
		if got := LooksSensitive(name); got != want {
			t.Errorf("LooksSensitive(%q) = %v", name, got)
		}
	}
}
