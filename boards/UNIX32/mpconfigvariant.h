#include "../UNIX/mpconfigvariant.h"
