package synth_test

import (
	"context"
	"fmt"
	"os"

	"kequn"
	"kequn/internal/synth"
)

func Example() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	shop := synth.Shop{Customers: 1000, Lang: kequn.English}
	files, err := shop.Write(context.Background(), dir, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println("decide at", kequn.FormatZone(files.To, nil))

	contacts := []synth.Contact{{Customer: "C10042", Offer: "coupon10", At: files.To}}
	more, err := synth.Advance(context.Background(), dir, kequn.Days(synth.Horizon), contacts, 0, nil)
	if err != nil {
		panic(err)
	}
	fmt.Println("advanced to", kequn.FormatZone(more.To, nil), "with", more.Reached, "customer reached")
	// Output:
	// decide at 2026-07-01T00:00:00Z
	// advanced to 2026-07-15T00:00:00Z with 1 customer reached
}
