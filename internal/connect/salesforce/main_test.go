package salesforce

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing of the client may outlive its calls.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
