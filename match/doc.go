// Package match answers "which of our companies are also on your list?"
//
// See README.md for how it decides.
package match
