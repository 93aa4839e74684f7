// Package salesforcepubsub is the wire format of Salesforce's Pub/Sub API, version
// 1: messages and service as Salesforce publishes them, for the client and for the
// sandbox, which share nothing else.
//
// The other files are generated from pubsub_api.proto of
// github.com/forcedotcom/pub-sub-api (CC0-1.0), the one with ManagedSubscribe in
// beta, with buf 1.75.0, protoc-gen-go v1.36.12 and protoc-gen-go-grpc v1.6.2. To
// make them anew, put the proto into an empty folder PROTO and run
//
//	buf generate PROTO --template '{"version":"v2","plugins":[
//	  {"local":"protoc-gen-go","out":".","opt":["paths=source_relative","Mpubsub_api.proto=github.com/tandem-cosell/tandem/facts/salesforcepubsub;salesforcepubsub"]},
//	  {"local":"protoc-gen-go-grpc","out":".","opt":["paths=source_relative","Mpubsub_api.proto=github.com/tandem-cosell/tandem/facts/salesforcepubsub;salesforcepubsub"]}]}'
//
// and give both files the first line that they have now; gofmt does the rest.
package salesforcepubsub
