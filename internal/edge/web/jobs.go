package web

func (w *Web) routesJobs() {}
