package web

func (w *Web) routesOpportunities() {}
