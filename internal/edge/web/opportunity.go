package web

func (w *Web) routesOpportunity() {}
