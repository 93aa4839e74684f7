package web

func (w *Web) routesConnections() {}
