prefix=/usr; if [ "$LIBRARY" = ours ]; then prefix=/stage; fi
export HOME=/tmp GO111MODULE=off GOPATH=/tmp/go GOCACHE=/tmp/cache
export CGO_CFLAGS="-I$prefix/include" CGO_LDFLAGS="-L$prefix/lib"
mkdir -p /tmp/go/src/github.com/seccomp; cp -r /usr/share/gocode/src/github.com/seccomp/libseccomp-golang /tmp/go/src/github.com/seccomp/
cd /tmp/go/src/github.com/seccomp/libseccomp-golang
go test -v ./... > /tmp/out 2>&1 || { cat /tmp/out; exit 1; }
grep -e '^ *--- ' /tmp/out | sed 's/ (.*//'
