'use strict';
require('../application').application(3004, require('socket.io'));
