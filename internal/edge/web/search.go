package web

func (w *Web) routesSearch() {}
