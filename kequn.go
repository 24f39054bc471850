// Package kequn holds the words that every room speaks: instants and windows, roles, tasks and the kinds of error.
//
// The program itself is cmd/kequn; the rooms are below internal. The map of the house is in docs/rooms.md
// (or run make rooms).
package kequn

// Version is the version of the program, of which receipts and manifests keep a copy.
const Version = "0.1.0"

// Role says what a dataset is about.
type Role string

// The roles a dataset can have.
const (
	Customers Role = "customers" // who they are: one row per customer, attributes
	Events    Role = "events"    // what they do: one row per event
	Orders    Role = "orders"    // what they buy: one row per order, or per line of one
	Items     Role = "items"     // the lines of orders: customer, time, product, amount
	Sends     Role = "sends"     // whom we contacted with which offer, controls included
	Lookup    Role = "lookup"    // a table joined by a key: products, districts
)

// Roles lists every dataset role in the order in which a reader meets them.
var Roles = []Role{Customers, Events, Orders, Items, Sends, Lookup}

// HasCustomer tells whether rows of the role belong to a customer. Only lookups do not.
func (r Role) HasCustomer() bool { return r != Lookup }

// HasTime tells whether rows of the role happen at an instant.
func (r Role) HasTime() bool { return r == Events || r == Orders || r == Items || r == Sends }

// ColumnRole says what a column of a dataset is.
type ColumnRole string

// The roles a column can have. A column has exactly one.
const (
	ColCustomer  ColumnRole = "customer"  // whose row it is
	ColTime      ColumnRole = "time"      // when it happened
	ColKnownAt   ColumnRole = "known_at"  // when it entered the records
	ColID        ColumnRole = "id"        // identifies the row: the same id again is a duplicate or a correction
	ColOrder     ColumnRole = "order"     // groups lines into one order (basket, invoice); repeats
	ColAmount    ColumnRole = "amount"    // money
	ColQuantity  ColumnRole = "quantity"  // pieces
	ColPrice     ColumnRole = "price"     // money per piece
	ColDiscount  ColumnRole = "discount"  // money taken off
	ColCurrency  ColumnRole = "currency"  // ISO code of the row's money
	ColType      ColumnRole = "type"      // what kind of event
	ColItem      ColumnRole = "item"      // which product
	ColCategory  ColumnRole = "category"  // a class of the row with few values: category, channel, city
	ColKey       ColumnRole = "key"       // the key of a lookup
	ColCampaign  ColumnRole = "campaign"  // which campaign a send belongs to
	ColArm       ColumnRole = "arm"       // the offer sent, or control
	ColConsent   ColumnRole = "consent"   // permission to contact, by channel
	ColBirth     ColumnRole = "birth"     // date of birth
	ColGroup     ColumnRole = "group"     // of customers: whom one belongs together with, a household or a firm
	ColName      ColumnRole = "name"      // a person's name: never a feature, sealed apart
	ColPhone     ColumnRole = "phone"     // likewise
	ColEmail     ColumnRole = "email"     // likewise
	ColAttribute ColumnRole = "attribute" // anything else that may become a feature
	ColText      ColumnRole = "text"      // free text, not a feature by itself
	ColIgnore    ColumnRole = "ignore"    // read, counted, not kept
)

// Personal tells whether a column names a person directly. Such columns are kept apart and never become features.
func (r ColumnRole) Personal() bool { return r == ColName || r == ColPhone || r == ColEmail }

// Task is the kind of outcome a model predicts.
type Task string

// The tasks.
const (
	Binary     Task = "binary"     // yes or no
	Regression Task = "regression" // an amount or a count
	Multiclass Task = "multiclass" // one of several classes
)

// Lang is the language of what people read.
type Lang string

// The languages.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// Pick returns the text in the language l.
func (l Lang) Pick(zh, en string) string {
	if l == Chinese {
		return zh
	}
	return en
}
