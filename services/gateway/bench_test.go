package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/services/gateway"
)

// BenchmarkServe is what the gateway adds to a request; direct is the same
// request to the instance.
func BenchmarkServe(b *testing.B) {
	in := instance(b, says("ok"))
	f := open(b, gateway.Config{})
	f.Set(route(stable(100, in)))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for name, url := range map[string]string{"direct": "http://" + in.Address + "/x", "gateway": f.url + "/serve/m/prod/x"} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := client.Post(url, "text/plain", strings.NewReader("body"))
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		})
	}
}
