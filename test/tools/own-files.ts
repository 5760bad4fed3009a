/**
 * Shell text for a process with mounts of its own. `$1`: an empty folder, `$2`: this package, `$3`: Node. The
 * package is installed for all users, as `npm install --global` does, and /etc, /run and /var/lib are copies
 * or empty. Nothing of it reaches the machine.
 */
export const OWN_FILES = `
set -e
mount --make-rprivate /
mkdir -p $1/local/bin $1/local/lib/node_modules/firesteel
mount --bind $2 $1/local/lib/node_modules/firesteel
ln -s ../lib/node_modules/firesteel/dist/runtime/launch/cli/bin.js $1/local/bin/firesteel
touch $1/local/bin/node
mount --bind $3 $1/local/bin/node
mount --rbind $1/local /usr/local
cp -a /etc $1/etc
mount --bind $1/etc /etc
mkdir -p /etc/firesteel
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
`

/** Where a command is found there. */
export const OWN_PATH = '/usr/local/bin:/usr/bin:/usr/sbin:/bin'
