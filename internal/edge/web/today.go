package web

func (w *Web) routesToday() {}
