package web

func (w *Web) routesSettings() {}
