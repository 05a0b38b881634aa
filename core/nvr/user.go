package nvr

// User is an account. PasswordHash is an argon2id PHC string.
type User struct {
	ID           string
	Name         string
	Role         string // "admin" or "viewer"
	PasswordHash string
}

// CameraSwitches are what people flip at run time.
type CameraSwitches struct {
	Recording bool
	Detecting bool
}
