/* MicroTetherDB: in place of db1-compat's <compat.h>, which wants <termios.h>.
 * SPDX-License-Identifier: MIT */
#ifndef MTDB_BTREE_COMPAT_H
#define MTDB_BTREE_COMPAT_H

#include <errno.h>

#ifndef EFTYPE
#define EFTYPE EINVAL /* not a tree, or of another page size */
#endif
#ifndef BIG_ENDIAN
#define LITTLE_ENDIAN 1234
#define BIG_ENDIAN 4321
#endif

#endif
