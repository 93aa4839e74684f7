package web

func (w *Web) routesRegistrations() {}
