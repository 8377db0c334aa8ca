package message

// Domain is what stands behind an address's last @, in the case in which it was logged; empty where there is none.
func Domain(address string) string { return domainOf(address) }
