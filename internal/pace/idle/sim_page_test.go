package idle

import "time"

// A page is a document and pageCount objects that it names, in packets, over pageConnections.
const (
	pageDocument    = 20
	pageCount       = 80
	pageConnections = 6
)

var pageObjects = [...]int64{2, 4, 8, 12, 20, 40} // 1.7 MB in all

// page is a page that is loaded.
type page struct {
	net     *network
	asked   int // objects
	missing int
	began   time.Duration
	took    time.Duration // 0 until all is there
}

// load fetches a page from now on: first the document, then its objects, each connection one after the other.
func (n *network) load() *page {
	p := &page{net: n, missing: pageCount, began: n.now}
	p.fetch(p.connect(), pageDocument, func(f *flow) {
		p.next(f)
		for range pageConnections - 1 {
			p.next(p.connect())
		}
	})
	return p
}

// connect opens a connection, which takes a round trip.
func (p *page) connect() *flow {
	f := p.net.addFlow("cubic", p.net.now+p.net.spec.base)
	f.sender.supply = 0
	return f
}

// next asks for the next object, and then for the one after it.
func (p *page) next(f *flow) {
	if p.asked == pageCount {
		return
	}
	size := pageObjects[p.asked%len(pageObjects)]
	p.asked++
	p.fetch(f, size, func(f *flow) {
		if p.missing--; p.missing == 0 {
			p.took = p.net.now - p.began
		}
		p.next(f)
	})
}

// fetch asks for packets, and calls then when they are there.
func (p *page) fetch(f *flow, packets int64, then func(*flow)) {
	f.receiver.goal, f.receiver.reached = f.sender.supply+packets, func() { then(f) }
	p.net.at(max(p.net.now, f.start)+p.net.spec.base/2, func() {
		f.sender.supply += packets
		f.sender.pump()
	})
}
