package archive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"github.com/minio/minio-go/v7"
)

// fault is why the archive does not work, for a person, and as a label for metrics.
type fault struct {
	label   string
	message string
}

// explain finds the words for err. They are ours throughout: what a server sends is not shown.
func (b *bucket) explain(err error) fault {
	var own *faultError
	if errors.As(err, &own) {
		return own.fault
	}
	if r := answer(err); r != nil {
		return b.refused(r)
	}
	return b.unreached(err)
}

// faultError is an error that was put into words where it arose.
type faultError struct{ fault }

func (f *faultError) Error() string { return f.message }

func (b *bucket) refused(r *minio.ErrorResponse) fault {
	switch r.Code {
	case "InvalidAccessKeyId", "InvalidAccessKey", "XAdminUserNotFound": // the last is versitygw's
		return fault{"keys", b.host + " does not know the access key; check archive.access_key"}
	case "SignatureDoesNotMatch":
		return fault{"keys", b.host + " does not accept the secret key; check archive.secret_key"}
	case "RequestTimeTooSkewed", "RequestExpired":
		return fault{"clock", fmt.Sprintf("the clocks of this machine and of %s differ too much; set this machine's clock", b.host)}
	case minio.NoSuchBucket:
		return fault{"bucket", fmt.Sprintf("the bucket %s does not exist on %s; create it, or correct archive.bucket", b.name, b.host)}
	case "AuthorizationHeaderMalformed", "PermanentRedirect", minio.InvalidRegion, "IllegalLocationConstraintException":
		if r.Region != "" && len(r.Region) < 32 {
			return fault{"region", fmt.Sprintf("the bucket %s is in the region %q; set archive.region", b.name, r.Region)}
		}
		return fault{"region", fmt.Sprintf("the bucket %s is in another region; correct archive.region", b.name)}
	case "SlowDown", "SlowDownWrite", "SlowDownRead", "TooManyRequests", "RequestLimitExceeded":
		return fault{"busy", b.host + " asks for fewer requests; the archive waits and tries again"}
	case "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage":
		return fault{"full", fmt.Sprintf("the bucket %s is full; make room, or shorten archive.retain_days", b.name)}
	case "XAmzContentSHA256Mismatch", "BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch":
		return fault{"damaged", fmt.Sprintf("what reaches %s differs from what was sent; check the network in between", b.host)}
	}
	switch code := r.StatusCode; {
	case code == http.StatusForbidden || code == http.StatusUnauthorized || r.Code == minio.AccessDenied:
		return fault{"denied", fmt.Sprintf("%s does not let this access key use the bucket %s; it needs to list it, and to read, write and delete objects",
			b.host, b.name)}
	case code == http.StatusInsufficientStorage:
		return fault{"full", fmt.Sprintf("the bucket %s is full; make room, or shorten archive.retain_days", b.name)}
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return fault{"busy", b.host + " is busy; the archive waits and tries again"}
	default:
		return fault{"server", fmt.Sprintf("%s answers with an error (status %d); its log says more", b.host, code)}
	}
}

func (b *bucket) unreached(err error) fault {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	why := "the connection was lost"
	switch {
	case errors.As(err, &dns):
		why = "its name cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "it refuses connections"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		why = "there is no way to it"
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid):
		return fault{"certificate", fmt.Sprintf("the certificate of %s is not trusted; correct archive.endpoint, or install its authority", b.host)}
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return fault{"certificate", b.host + " does not speak TLS; try http:// in archive.endpoint"}
	case errors.Is(err, errStalled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		why = "it does not answer in time"
	}
	return fault{"network", fmt.Sprintf("%s cannot be reached: %s; the archive tries again by itself", b.host, why)}
}
