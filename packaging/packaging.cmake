# What is installed where, and how CPack makes a .deb and a .rpm of it. `packaging/build` runs it all.
include(GNUInstallDirs)
set(doc_dir ${CMAKE_INSTALL_DATAROOTDIR}/doc/dpsup)

foreach(program dpsupd dpsupctl)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION $<IF:$<STREQUAL:${program},dpsupd>,sbin,bin>)
    endif()
endforeach()
install(FILES unit-files/dpsupd.service unit-files/dpsupd.socket DESTINATION lib/systemd/system)
install(FILES unit-files/dpsup.sysusers DESTINATION lib/sysusers.d RENAME dpsup.conf)
install(FILES unit-files/dpsup.tmpfiles DESTINATION lib/tmpfiles.d RENAME dpsup.conf)

install(FILES config/dpsup.toml DESTINATION /etc/dpsup)
install(DIRECTORY DESTINATION /etc/dpsup/conf.d)
install(FILES config/README.md DESTINATION ${doc_dir} RENAME configuration.md)
install(FILES config/quickstart.toml DESTINATION ${doc_dir}/examples)
install(FILES packaging/copyright DESTINATION ${doc_dir})

# Debian wants its pages and change logs compressed, and the same bytes from the same source: hence -n.
function(install_compressed source destination name)
    set(compressed ${CMAKE_BINARY_DIR}/packaging/${name}.gz)
    add_custom_command(OUTPUT ${compressed} DEPENDS ${CMAKE_SOURCE_DIR}/${source} VERBATIM
        COMMAND sh -c "gzip -9 -n -c \"$1\" > \"$2\"" gzip ${CMAKE_SOURCE_DIR}/${source} ${compressed})
    add_custom_target(compressed_${name} ALL DEPENDS ${compressed})
    install(FILES ${compressed} DESTINATION ${destination})
endfunction()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/packaging)
install_compressed(packaging/changelog ${doc_dir} changelog)
install_compressed(packaging/man/dpsupd.8 ${CMAKE_INSTALL_MANDIR}/man8 dpsupd.8)
install_compressed(packaging/man/dpsupctl.1 ${CMAKE_INSTALL_MANDIR}/man1 dpsupctl.1)
install_compressed(packaging/man/dpsup.toml.5 ${CMAKE_INSTALL_MANDIR}/man5 dpsup.toml.5)

set(CPACK_PACKAGE_NAME dpsup)
set(CPACK_PACKAGE_VENDOR "the dpsup project")
set(CPACK_PACKAGE_CONTACT "the dpsup maintainers <maintainers@dpsup.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "on-host supervisor for data platforms")
set(CPACK_PACKAGE_DESCRIPTION
"dpsupd launches the services of a data platform on a bare-metal host in
dependency order, probes them, restarts them, and applies changes with the
fewest restarts. dpsupctl is its command line. Every decision carries one
sentence of reason, and is kept.")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Loaded when the first http or postgres probe needs them, so no tool sees that they are needed. Debian 13 and Ubuntu
# 24.04 call the first one libcurl4t64, which provides the old name.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libcurl4 (>= 7.85) | libcurl4t64, libpq5")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "systemd, dbus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/packaging/deb/postinst;${CMAKE_SOURCE_DIR}/packaging/deb/prerm"
    "${CMAKE_SOURCE_DIR}/packaging/deb/postrm;${CMAKE_SOURCE_DIR}/packaging/deb/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_REQUIRES "libcurl.so.4()(64bit), libpq.so.5()(64bit)")
set(CPACK_RPM_PACKAGE_LICENSE Apache-2.0)
set(CPACK_RPM_PACKAGE_GROUP System)
set(CPACK_RPM_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/post)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/preun)
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_SOURCE_DIR}/packaging/rpm/postun)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/dpsup/dpsup.toml")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc /usr/bin /usr/sbin /usr/lib/systemd /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d
    /usr/share/doc /usr/share/man /usr/share/man/man1 /usr/share/man/man5 /usr/share/man/man8)

set(CPACK_GENERATOR DEB RPM)
include(CPack)
