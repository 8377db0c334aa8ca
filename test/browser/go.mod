// What looks at the report's page in a browser is a module of its own: it is nothing that the product is built from.
module github.com/postweave/postweave/test/browser

go 1.26.4

require (
	github.com/chromedp/cdproto v0.159.0
	github.com/chromedp/chromedp v0.23.0
)

require github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
