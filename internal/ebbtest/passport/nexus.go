package passport

import (
	"fmt"
	"net/http"
	"strings"
)

// nexus answers with the Update Configuration message.
func (t *Trio) nexus(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Authorization", "Cookie"} {
		if value := r.Header.Get(name); value != "" {
			t.fault("the nexus got %s: %s", name, value)
		}
	}
	o := t.Options()
	if o.NexusFail {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	login := o.DALogin
	if login == "" {
		login = strings.TrimPrefix(t.Login.URL, "https://") + "/login2.srf"
	}
	site := strings.TrimPrefix(t.Login.URL, "https://")
	w.Header()["PassportURLs"] = []string{fmt.Sprintf(
		"DARealm=%s,DALogin=%s,DAReg=%s/register,Properties=%s/edit,Privacy=%s/privacy,GeneralRedir=%s/redir,Help=%s/help,ConfigVersion=%d",
		Realm, login, site, site, site, site, site, o.Version)}
	w.WriteHeader(http.StatusOK)
}
