package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kequn"
)

// spoken returns the language that help is printed in: help is made before flags are read, so --lang is looked for by hand.
func spoken(args []string) kequn.Lang {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			return kequn.Lang(v)
		}
		if arg == "--lang" && i+1 < len(args) {
			return kequn.Lang(args[i+1])
		}
	}
	return langOf(os.Getenv)
}

// speakChinese puts the lists of commands, and the words around them, into Chinese. Verbs and flags are called the same in
// both languages.
func speakChinese(root *cobra.Command) {
	root.Long = `Kequn（客群）读入您的客户、行为与订单，回答：该联系谁、用什么优惠、不该打扰谁，
预计带来多少利润、为什么，并留出随机对照组来证明。

先看一个虚构的商店：  kequn demo shop
用您自己的数据：      kequn load customers.csv events.parquet orders.csv
                      kequn ready
                      kequn run`
	titles := map[string]string{"begin": "开始：", "know": "了解客户：", "act": "决策、行动、衡量：", "keep": "保管："} // looked up only
	for _, g := range root.Groups() {
		g.Title = titles[g.ID]
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if zh, ok := chineseShort[strings.TrimPrefix(c.CommandPath(), "kequn ")]; ok {
			if c.Long == "" && c.HasParent() {
				c.Long = zh
			}
			c.Short = zh
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(root)
	words := []string{"Usage:", "用法：", "Aliases:", "别名：", "Examples:", "示例：", "Available Commands:", "命令：", "Additional Commands:", "其他命令：",
		"Global Flags:", "通用选项：", "Flags:", "选项：", "Additional help topics:", "其他主题：",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, `用 "{{.CommandPath}} [command] --help" 查看各命令的说明。`}
	root.SetUsageTemplate(strings.NewReplacer(words...).Replace(root.UsageTemplate()))
	root.InitDefaultHelpCmd()
	if i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "help" }); i >= 0 {
		root.Commands()[i].Short = "各命令的说明"
	}
}

var chineseShort = map[string]string{ // by command path; looked up only
	"demo":             "造一个答案已知的商店，并在上面走完全程",
	"demo line":        "教科书里的一元线性回归",
	"demo boundary":    "教科书里的逻辑回归分界线",
	"load":             "读入客户、行为、订单，并推断每一列的含义",
	"ready":            "现在能回答哪些问题，其余的还缺什么",
	"run":              "特征、分群、目标、人群包、报告：只做有变化的部分",
	"try":              "在一张平表上训练和比较模型，无需工作区",
	"model":            "已保存的模型：查看、给表格评分、导出为 ONNX 或 SQL",
	"model show":       "模型文件里有什么：方法、列、参数、规则",
	"model score":      "用已保存的模型给表格评分；加 --outcome 则对照实际结果",
	"model export":     "把模型写成 ONNX 或 SQL，供其他程序评分",
	"features":         "特征目录；加 --out 则每位客户一行",
	"segment":          "客户分群：RFM 分级、行为分群",
	"predict":          "为一个目标打分：模型阶梯、选了哪个、为什么",
	"backtest":         "回到更早的截止时刻重做，并与实际结果对照",
	"audience":         "人群包：预览、保存、名单、重叠、原因",
	"audience list":    "已保存的人群包及人数",
	"audience preview": "有多少人，每个条件各剩多少",
	"audience save":    "把规则以一个名字存入 kequn.yaml",
	"audience members": "名单，以 CSV 写到标准输出",
	"audience overlap": "各有多少人，重叠多少",
	"audience why":     "某位客户为什么在或不在",
	"why":              "某位客户的分数与决策的编号理由",
	"report":           "写出 report.html：一个文件，离线可看",
	"rejects":          "最近一次读入时被拒收的行，含行号与原因（CSV）",
	"decide":           "谁收到哪种优惠、谁留作对照、谁不打扰",
	"activate":         "交付名单：contact.csv、control.csv 与决策凭证",
	"measure":          "触达带来了什么变化，与事前预测对照",
	"advance":          "让演示商店的时间继续往前走",
	"verify":           "核对工作区的每个校验和，指出损坏的文件",
	"key":              "加密工作区",
	"key init":         "新建一个所有文件都加密的工作区",
	"key export":       "导出一个数据块的密钥，供其他工具读取",
}
