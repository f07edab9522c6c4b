set(IDF_TARGET esp32s3)

set(SDKCONFIG_DEFAULTS
    boards/sdkconfig.base
    boards/sdkconfig.usb
    boards/sdkconfig.ble
    boards/sdkconfig.spiram_sx
)

include(${CMAKE_CURRENT_LIST_DIR}/../../ports/esp32/mtdb.cmake)
