package source_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"kequn"
	"kequn/internal/source"
)

func ExampleFile_Read() {
	dir, err := os.MkdirTemp("", "source")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "订单.csv")
	text := "订单编号;客户编号;下单时间;数量;单价\nA1;007;2024/1/2 8:05;2;19,90\nA1;007;2024/1/2 8:05;1;5,00\nA2;;2024/1/3 9:10;1;19,90\nA3;008;2024/13/3 9:10;1;19,90\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		panic(err)
	}

	f, err := source.Open(path, source.Options{})
	if err != nil {
		panic(err)
	}
	defer f.Close()
	plan, err := f.Propose(source.Overrides{})
	if err != nil {
		panic(err)
	}
	fmt.Println(plan.Role)
	for _, c := range plan.Columns {
		fmt.Println(c.Name, c.Kind, c.Role)
	}
	counts, err := f.Read(context.Background(), plan.Columns, func(b *source.Batch) error {
		for i, line := range b.Line {
			fmt.Println("line", line, b.Table.Column("客户编号").String(i), b.Table.Column("amount").Float(i))
		}
		return nil
	}, func(r source.Reject) error {
		fmt.Println("line", r.Line, r.Column, r.Reason.Words(kequn.English))
		return nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("read", counts.Read, "kept", counts.Kept, "rejected", counts.Rejected)
	// Output:
	// orders
	// 订单编号 text order
	// 客户编号 text customer
	// 下单时间 time time
	// 数量 integer quantity
	// 单价 money price
	// amount money amount
	// line 4 客户编号 the customer is missing
	// line 5 下单时间 no such date
	// line 2 007 39.8
	// line 3 007 5
	// read 4 kept 2 rejected 2
}
