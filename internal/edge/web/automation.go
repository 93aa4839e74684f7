package web

const automationPath = "/automation"
