package source

import (
	"strings"
	"unicode"

	"kequn"
)

// normalName is a name without case, spaces and signs: CustomerID, customer_id and "Customer Id" are customerid.
func normalName(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// The lists hold the names that people give to columns, the likelier first, as normalName writes them.
var (
	customerNames = words(`customerid custid customer customerno customernumber customercode customerkey cust clientid client clientno
		memberid memberno membercode member membershipid userid userno user uid householdid householdkey household accountid accountno
		accountnumber personid buyerid buyer shopperid subscriberid contactid consumerid guestid playerid patientid passengerid loyaltyid
		visitorid openid unionid masterid 客户编号 客户id 客户号 客户代码 客户 会员编号 会员id 会员号 会员卡号 会员 用户编号 用户id 用户号 用户 顾客编号
		顾客id 顾客 买家id 买家编号 买家会员名 账户编号 账户号 账户 账号 sessionid sessid`)
	eventTimeNames = words(`orderedat ordertime orderdate orderdatetime ordertimestamp purchasedat purchasedate purchasetime transactiontime
		transactiondate transactiontimestamp transactiondatetime invoicedate invoicetime paidat paymenttime paymentdate sentat sentdate
		senddate sendtime contactedat contactdate eventtime eventdate eventtimestamp occurredat happenedat visitedat visittime visitdate
		redemptiondate redeemedat clickedat viewedat timestamp datetime ts 下单时间 下单日期 订单时间 订单日期 支付时间 付款时间 交易时间 交易日期
		购买时间 购买日期 消费时间 消费日期 发送时间 触达时间 事件时间 行为时间 发生时间 访问时间 浏览时间`)
	timeNames = words(`time date day starttime startdate startedat createdat createtime createdtime creationdate created 时间 日期 创建时间
		开始时间`)
	knownNames = words(`recordedat knownat loadedat ingestedat insertedat enteredat receivedat recordtime loadtime ingesttime 入库时间 录入时间
		记录时间 落库时间`)
	historyNames = words(`validfrom validsince effectivefrom effectivedate effectiveat startsat asof asofdate snapshotdate snapshotat updatedat updatetime
		updatedon updated modifiedat modifiedon changedat lastmodified 生效日期 生效时间 生效日 更新时间 更新日期 变更时间 变更日期 修改时间 快照日期`)
	rowNames   = words(`orderlineid orderitemid lineid lineno itemlineid rowid eventid transactionid transid txnid tradeid sendid messageid logid 事件编号 事件id 流水号 交易流水号 明细编号`)
	orderNames = words(`orderid orderno ordernumber ordercode order invoiceid invoiceno invoicenumber invoice basketid basket receiptid receiptno
		receipt ticketid checkoutid cartid 订单编号 订单id 订单号 交易号 交易编号 小票号 发票号`)
	amountNames = words(`amount amt salesvalue salesamount sales totalamount totalprice totalvalue total ordervalue orderamount ordertotal
		netamount netvalue grossamount paidamount amountpaid paymentamount paymentvalue payment paid revenue gmv transactionvalue
		transactionamount linetotal lineamount subtotal spend spent value monetary 金额 订单金额 实付金额 支付金额 付款金额 消费金额 交易金额 成交金额
		实收金额 销售额 总金额 总价 合计`)
	quantityNames = words(`quantity qty units pieces numberofitems itemcount orderquantity quantityordered 数量 件数 购买数量 商品数量 销量`)
	priceNames    = words(`unitprice price itemprice priceperunit sellingprice saleprice listprice 单价 价格 商品单价 售价`)
	currencyNames = words(`currency currencycode ccy curr 币种 货币 货币代码`)
	itemNames     = words(`productid productcode productno productsku sku skuid stockcode itemid itemcode itemno item product goodsid articleid
		articleno asin upc ean couponupc movieid bookid contentid 商品编号 商品id 商品编码 商品代码 商品 产品编号 产品id 产品 货号 款号`)
	eventNames    = words(`event eventtype eventname action activity behavior behaviour behaviortype behaviourtype actiontype 事件 事件类型 事件名称 行为 行为类型 动作`)
	typeNames     = words(`type kind transactiontype transtype 类型 交易类型`)
	campaignNames = words(`campaign campaignid campaignname campaigncode mailing mailingid 活动 活动编号 活动id 活动名称 营销活动 营销活动编号`)
	armNames      = words(`arm offer offerid offercode treatment treatmentgroup variant testgroup experimentgroup abgroup group bucket 分组 实验组 组别 优惠方案 方案 优惠`)
	birthNames    = words(`birthdate birthday dateofbirth dob birth 出生日期 生日 出生年月日`)
	nameNames     = words(`name fullname firstname lastname surname givenname familyname middlename customername clientname membername username nickname realname 姓名 名字 名称 客户姓名 客户名称 会员姓名 用户名 昵称 买家昵称 收货人`)
	mailNames     = words(`email emailaddress mail customeremail 邮箱 电子邮箱 电子邮件 邮件地址`)
	phoneNames    = words(`phone phoneno phonenumber mobile mobileno mobilephone mobilenumber cellphone cell tel telephone telno 手机 手机号 手机号码 电话 电话号码 联系电话`)
	textNames     = words(`note notes comment comments description remark remarks message title review address street 备注 描述 地址 收货地址 评论 说明 留言`)
	categoryNames = words(`category productcategory department brand channel city province state region country gender sex segment tier level
		source platform device status 类别 品类 分类 渠道 城市 省份 地区 国家 性别 等级 来源 平台 设备 状态 品牌`)

	// parts of names
	discountParts = words(`discount disc rebate 折扣 优惠金额 减免 立减`)
	consentParts  = words(`consent optin optedin permission subscribed newsletter 同意 授权 订阅`)
	fixedParts    = words(`signup signedup register registered registration joined joindate acquisition firstchannel enrolled birth dob gender sex
		注册 入会 开户 出生 生日 性别`)
	endParts  = words(`end until expire expiry updated modified deleted 结束 到期 更新 修改`)
	timeParts = words(`time date timestamp 时间 日期`)
	codeEnds  = words(`id no code key number num zip zipcode postcode postal 编号 号 代码 编码 邮编`)
)

func words(list string) []string { return strings.Fields(list) }

// rankOf returns the position of a normalised name in a list, or a position behind it if the name only begins or ends
// with one of the longer entries (billing_customer_id), or -1.
func rankOf(name string, list []string) int {
	for i, w := range list {
		if name == w {
			return i
		}
	}
	for i, w := range list {
		if (len(w) >= 6 && w[0] < 0x80 || len(w) >= 9) && len(name) > len(w) && (strings.HasSuffix(name, w) || strings.HasPrefix(name, w) && w[0] >= 0x80) {
			return len(list) + i
		}
	}
	return -1
}

func isOne(name string, list []string) bool {
	for _, w := range list {
		if name == w {
			return true
		}
	}
	return false
}

func hasPart(name string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(name, p) {
			return true
		}
	}
	return false
}

// knownName tells whether a cell of the first line is a name that people give to columns.
func knownName(cell string) bool {
	n := normalName(cell)
	if n == "" || len(cell) > 40 {
		return false
	}
	for _, list := range [][]string{customerNames, eventTimeNames, timeNames, knownNames, rowNames, orderNames, amountNames, quantityNames,
		priceNames, currencyNames, itemNames, eventNames, campaignNames, birthNames, nameNames, mailNames, phoneNames, categoryNames} {
		if isOne(n, list) {
			return true
		}
	}
	return n == "id"
}

// namesCode tells whether a name says that its values identify or classify, so that their digits are not quantities.
func namesCode(raw string) bool {
	n := normalName(raw)
	for _, e := range codeEnds {
		if e[0] >= 0x80 || len(e) > 3 {
			if strings.HasSuffix(n, e) {
				return true
			}
			continue
		}
		// id, no, key, num and zip end a word of their own: customer_id, CustomerID, ID, but not paid or rhino.
		if n == e && e != "no" && e != "num" {
			return true
		}
		if k := len(raw) - len(e); k > 0 && strings.EqualFold(raw[k:], e) {
			before, first := raw[k-1], raw[k]
			if before == '_' || before == ' ' || before == '-' || before == '.' || first >= 'A' && first <= 'Z' && before >= 'a' && before <= 'z' {
				return true
			}
		}
	}
	return isOne(n, customerNames) || isOne(n, orderNames) || isOne(n, itemNames) && n != "item"
}

// roleOfFile guesses what a dataset is about from its file name.
func roleOfFile(path string) kequn.Role {
	n := strings.ToLower(path)
	if i := strings.LastIndexAny(n, `/\`); i >= 0 {
		n = n[i+1:]
	}
	if i := strings.IndexByte(n, '.'); i > 0 {
		n = n[:i]
	}
	for _, f := range []struct {
		role  kequn.Role
		parts string
	}{
		{kequn.Lookup, "description product catalog catalogue store district lookup dimension dim_ 商品 产品 门店 字典"},
		{kequn.Items, "order_item orderitem order_line orderline line_item lineitem basket_item 订单明细 明细"},
		{kequn.Events, "event click elog log view visit session behavior behaviour redemption activity rating 行为 事件 浏览 点击 日志"},
		{kequn.Sends, "send campaign mailing touch contact outreach 触达 营销 活动 短信"},
		{kequn.Orders, "order transaction purchase sale invoice receipt payment 订单 交易 销售 购买 消费"},
		{kequn.Customers, "customer client user member account demographic profile household people person 客户 会员 用户 顾客"},
	} {
		if hasPart(n, words(f.parts)) {
			return f.role
		}
	}
	return ""
}
