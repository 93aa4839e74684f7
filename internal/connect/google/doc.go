// Package google answers "how does a joint deal get into Google Cloud's partner
// portal, and what does Google say of it?". There are two carriers behind one
// interface: the opportunities API of Cloud Channel, which Google opens to listed
// partners only, and a person, to whom a filled form is handed over.
package google
